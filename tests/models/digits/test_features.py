"""The spectrogram of the telephone band."""

from __future__ import annotations

import numpy as np
import pytest

from models.digits.features import BANDS, RATE, log_mel
from tests.models.digits.tones import murmur


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_one_row_every_ten_milliseconds():
    assert log_mel(murmur(1.0, 0)).shape == (98, BANDS)


def test_level_does_not_matter():
    sound = murmur(1.0, 1)

    assert np.allclose(log_mel(sound), log_mel(0.01 * sound), atol=1e-3)


def test_nothing_above_the_telephone_band_is_seen():
    sound = murmur(1.0, 2)

    assert np.abs(log_mel(sound + 0.02 * tone(6000)) - log_mel(sound)).max() < 0.1
    assert np.abs(log_mel(sound + 0.02 * tone(2000)[: RATE // 2].repeat(2)) - log_mel(sound)).max() > 0.5


def test_a_tone_lies_in_its_band():
    sound = 1e-4 * murmur(1.0, 3)
    sound[RATE // 2 :] += tone(440, 0.5)

    rows = log_mel(sound)

    assert rows[70].argmax() < rows[20].shape[0] // 3


@pytest.mark.parametrize(
    "sound",
    [np.zeros(RATE, np.float32), np.full(RATE, np.nan, np.float32), tone(440, 0.2), np.ones((2, RATE), np.float32)],
    ids=["silent", "no_number", "short", "two_channels"],
)
def test_what_cannot_be_measured_is_refused(sound: np.ndarray):
    with pytest.raises(ValueError):
        log_mel(sound)
