"""Ten sounds that stand for digits: two tones one after the other, at each speaker's own height."""

from __future__ import annotations

import numpy as np

from models.digits.features import RATE
from models.digits.recordings import Sound, Speaker, faded

STEPS = (300.0, 650.0, 1150.0, 1900.0, 2900.0)
PAIRS = [(first, second) for first in STEPS for second in STEPS if first != second][::2]
TAKES = 3


def tone_digit(digit: int, height: float, seconds: float = 0.3) -> Sound:
    times = np.arange(int(seconds / 2 * RATE)) / RATE
    first, second = (np.sin(2 * np.pi * height * hertz * times) for hertz in PAIRS[digit])
    return faded(0.3 * np.concatenate([first, second]).astype(np.float32))


def tone_speaker(name: str, height: float) -> Speaker:
    takes = tuple(
        tuple(tone_digit(digit, height, seconds) for seconds in np.linspace(0.26, 0.34, TAKES)) for digit in range(10)
    )
    return Speaker(name, takes)


def murmur(seconds: float, seed: int) -> Sound:
    """Noise that swells and fades: it stands for people who say no digits."""
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE)).astype(np.float32)
    return 0.05 * noise * (1 + np.sin(np.arange(len(noise)) / 3000)).astype(np.float32)
