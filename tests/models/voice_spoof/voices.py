"""A made voice: pulses of a trembling pitch through two resonances, with breath, in syllables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE = 16_000


def made_voice(
    *, seconds: float = 3.0, jitter: float = 0.01, breath: float = 0.05, seed: int = 0
) -> NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    samples = int(seconds * RATE)
    source = np.zeros(samples)
    place = 0.0
    while place < samples:
        source[int(place)] = 1.0
        place += RATE / 120 * (1 + jitter * draw.standard_normal())
    source += breath * draw.standard_normal(samples) * source.std()
    for formant in (500.0, 1500.0):
        pole = 0.97 * np.exp(2j * np.pi * formant / RATE)
        source = lfilter([1.0], [1.0, -2 * pole.real, abs(pole) ** 2], source)
    syllables = 0.02 + np.clip(np.sin(2 * np.pi * 3 * np.arange(samples) / RATE), 0, 1)
    voice = source * syllables
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)
