"""Liveness and deepfake cues on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from models.liveness.cues.blink import count_blinks
from models.liveness.cues.motion import frozen_share
from models.liveness.cues.spectrum import SIZE, spectrum_cues

TIMES = np.arange(48) / 12


def ratios(*closed_at: int, open_ratio: float = 0.3, low: float = 0.1) -> np.ndarray:
    values = np.full(48, open_ratio)
    for start in closed_at:
        values[start : start + 3] = low
    return values


@pytest.mark.parametrize("starts", [(), (10,), (10, 25), (5, 20, 35)])
def test_blinks_are_counted(starts: tuple[int, ...]):
    assert count_blinks(ratios(*starts), TIMES).count == len(starts)


def test_eyes_that_stay_closed_are_no_blink():
    values = ratios()
    values[10:40] = 0.1

    assert count_blinks(values, TIMES).count == 0


def test_a_small_dip_is_no_blink():
    assert count_blinks(ratios(10, low=0.26), TIMES).count == 0


def test_frozen_frames_are_found():
    noise = np.random.default_rng(0).integers(0, 255, (10, 32, 32)).astype(np.uint8)

    assert frozen_share(noise) == 0.0
    assert frozen_share(np.repeat(noise[:1], 10, axis=0)) == 1.0


def test_a_screen_grid_shows_as_regularity():
    noise = np.random.default_rng(0).normal(128, 12, (SIZE, SIZE))
    columns = np.arange(SIZE)
    grid = noise + 25 * np.sin(2 * np.pi * columns / 4)[None, :]

    plain, screen = (spectrum_cues(np.clip(image, 0, 255).astype(np.uint8)) for image in (noise, grid))

    assert screen.regularity > 2 * plain.regularity
