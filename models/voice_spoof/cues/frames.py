"""A voice cut into frames: which of them hold speech, which are pauses, and their spectra.

Everything looks at 200 to 3,400 Hz only, the band that every microphone and line passes: whether a recording once had
8 or 48 kHz says where it was made, not whether somebody spoke.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import get_window

RATE = 16_000
HOP = 160
WINDOW = 512
BAND = (200.0, 3400.0)  # Hz
BANDS = 16
SHORTEST, LONGEST = 1.0, 15.0  # seconds
FAINTEST = 1e-4  # a peak below it is no recording
ACTIVE = 30.0  # dB under the loudest twentieth, above which a frame counts as speech
DEEPEST = 60.0  # dB under it, below which all is one: digital silence is no measure of how fast a sound dies
FEWEST_ACTIVE = 20
PAUSES = 0.2  # the faintest share of frames

Voice = NDArray[np.float32]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frames:
    """A voice in frames of 32 ms every 10 ms.

    Arguments:
        voice: (samples,) without its mean, scaled so that its active frames have a mean power of one.
        power: (frames, 257) windowed power spectra.
        level: (frames,) dB of the power within BAND.
        active, pause: (frames,) speech; the faintest frames.
        bands: (frames, 16) dB in bands of equal width over BAND.
    """

    voice: Values
    power: Values
    level: Values
    active: NDArray[np.bool_]
    pause: NDArray[np.bool_]
    bands: Values


def frames_of(voice: Voice) -> Frames:
    """Raises ValueError when a voice (samples,) at 16 kHz cannot be measured: too short, too long, silent, not finite."""
    if voice.ndim != 1 or not SHORTEST <= len(voice) / RATE <= LONGEST:
        raise ValueError(f"a voice of {SHORTEST:.0f} to {LONGEST:.0f} seconds is needed")
    if not np.isfinite(voice).all() or np.abs(voice).max() < FAINTEST:
        raise ValueError("the voice is silent or not finite")
    centred = voice.astype(np.float64) - voice.mean(dtype=np.float64)
    power = spectra(centred)
    inside = bins(*BAND)
    level = decibels(power[:, inside].sum(1))
    loudest = np.percentile(level, 95)
    level = np.maximum(level, loudest - DEEPEST)
    active = level > loudest - ACTIVE
    if active.sum() < FEWEST_ACTIVE:
        raise ValueError("there is too little speech")
    gain = power[active].sum(1).mean()
    bands = decibels(np.stack([part.sum(1) for part in np.array_split(power[:, inside], BANDS, axis=1)], axis=1))
    pause = level <= np.quantile(level, PAUSES)
    return Frames(centred / np.sqrt(gain), power / gain, level, active, pause, bands)


def spectra(voice: Values) -> Values:
    """(frames, 257) power of Hann-windowed frames."""
    return np.abs(np.fft.rfft(cut(voice, WINDOW) * get_window("hann", WINDOW), axis=1)) ** 2


def cut(voice: Values, window: int) -> Values:
    """(frames, window) every HOP samples; a view."""
    return np.lib.stride_tricks.sliding_window_view(voice, window)[::HOP]


def bins(low: float, high: float) -> NDArray[np.int64]:
    """Bins of a frame's spectrum from ``low`` up to ``high`` Hz."""
    frequency = np.arange(WINDOW // 2 + 1) * RATE / WINDOW
    return np.flatnonzero((frequency >= low) & (frequency < high))


def decibels(power: Values) -> Values:
    return 10 * np.log10(power + 1e-12)
