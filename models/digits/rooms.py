"""What lies between a mouth and a recording: pace, room, noise and level. All drawn, all NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import fftconvolve

from models.digits.features import RATE
from models.digits.recordings import Sound

SPEED_OF_DECAY = np.log(1000)  # 60 dB
BABBLERS = 4


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is drawn from. ``noise_db``: speech against noise; ``babble``: the share of noises that are other people;
    ``pace``: how much quicker or slower, pitch and formants with it; ``reverberant``: share of recordings."""

    noise_db: tuple[float, float] = (5.0, 30.0)
    babble: float = 0.4
    pace: tuple[float, float] = (0.78, 1.28)
    reverberant: float = 0.5
    gap: tuple[float, float] = (-0.03, 0.4)  # seconds between digits
    around: tuple[float, float] = (0.05, 0.5)  # seconds before and after


def paced(sound: Sound, factor: float) -> Sound:
    """Played ``factor`` times as fast; linear interpolation suffices below 4 kHz at 16 kHz."""
    places = np.arange(0, len(sound) - 1, factor)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def reverberated(sound: Sound, generator: np.random.Generator) -> Sound:
    """In a room: noise that dies away within 0.1 to 0.6 s (60 dB), 0 to 12 dB below the direct sound."""
    decay = generator.uniform(0.1, 0.6)
    times = np.arange(int(decay * RATE)) / RATE
    tail = generator.standard_normal(len(times), dtype=np.float32) * np.exp(-SPEED_OF_DECAY * times / decay)
    tail[: RATE // 500] = 0
    tail *= 10 ** (-generator.uniform(0, 12) / 20) / np.sqrt((tail**2).sum() + 1e-12)
    tail[0] = 1
    return fftconvolve(sound, tail.astype(np.float32))[: len(sound)].astype(np.float32)


def noisy(
    sound: Sound, others: Sequence[Sound], conditions: Conditions, generator: np.random.Generator
) -> tuple[Sound, float]:
    """With noise over all of it, and the ratio of speech to noise in dB; speech is measured where there is some."""
    spoken = sound[np.abs(sound) > 0.05 * np.abs(sound).max()] if np.abs(sound).max() > 0 else sound
    level = np.sqrt((spoken**2).mean()) if len(spoken) else 0.1
    decibels = float(generator.uniform(*conditions.noise_db))
    if others and generator.random() < conditions.babble:
        noise = _babble(len(sound), others, generator)
    else:
        noise = _coloured(len(sound), generator)
    noise *= level / max(float(np.sqrt((noise**2).mean())), 1e-9) * 10 ** (-decibels / 20)
    mixed = sound + noise
    return (mixed * (generator.uniform(0.05, 0.9) / max(float(np.abs(mixed).max()), 1e-9))).astype(np.float32), decibels


def _coloured(length: int, generator: np.random.Generator) -> Sound:
    """White to brown noise: power falls with frequency to the power 0 to 2."""
    size = next_fast_len(length, real=True)
    spectrum = rfft(generator.standard_normal(size, dtype=np.float32))
    bins = np.maximum(np.arange(len(spectrum), dtype=np.float32), size * 50 / RATE)
    return irfft(spectrum * bins ** np.float32(-generator.uniform(0, 2) / 2), size)[:length]


def _babble(length: int, others: Sequence[Sound], generator: np.random.Generator) -> Sound:
    total = np.zeros(length, np.float32)
    for _ in range(BABBLERS):
        one = others[int(generator.integers(len(others)))]
        start, loudest = generator.integers(len(one)), max(float(np.abs(one).max()), 1e-6)
        total += np.resize(np.concatenate([one[start:], one[:start]]), length) / loudest
    return total
