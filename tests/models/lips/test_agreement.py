"""A mouth agrees with its own voice at the right lag, and with no other."""

from __future__ import annotations

import numpy as np
import pytest

from models.lips.agreement import Agreement, agreement
from models.lips.opening import mouth_track
from tests.models.lips.talking import meshes, mouth, picture_times, spoken, voice

TIMES = picture_times()


def judged(openings: np.ndarray, late: float = 0.0, seed: int = 0) -> Agreement:
    return agreement(mouth_track(meshes(openings), TIMES), voice(seed, late), spoken(late))


@pytest.mark.parametrize("late", [-0.3, 0.0, 0.25])
def test_the_voice_is_found_at_its_lag(late: float):
    found = judged(mouth(TIMES), late)

    assert found.lag == pytest.approx(late, abs=0.07)
    assert found.level > 0.6
    assert found.margin > 0.1
    assert found.contrast > 1


def test_a_mouth_that_does_not_move_agrees_with_nothing():
    still = judged(np.full(len(TIMES), 0.02))
    own = judged(mouth(TIMES))

    assert still.level < own.level - 0.2
    assert still.contrast < 0.3
    assert still.deformation < own.deformation - 1


@pytest.mark.parametrize("late", [-0.6, 0.6])
def test_a_voice_too_far_away_in_time_fits_better_where_it_may_not(late: float):
    assert judged(mouth(TIMES), late).margin < 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_voice_of_another_moment_agrees_less(seed: int):
    assert judged(mouth(TIMES), seed=seed).level < judged(mouth(TIMES)).level - 0.05


@pytest.mark.parametrize("speech", [[], [(1.0, 1.5)], [(float("nan"), 2.0)]])
def test_too_little_speech_is_no_ground_to_judge_on(speech: list[tuple[float, float]]):
    with pytest.raises(ValueError, match="speech"):
        agreement(mouth_track(meshes(mouth(TIMES)), TIMES), voice(), speech)


def test_a_voice_much_shorter_than_the_pictures_is_no_ground_to_judge_on():
    with pytest.raises(ValueError, match="span"):
        agreement(mouth_track(meshes(mouth(TIMES)), TIMES), voice()[:24_000], [(0.2, 1.4)])
