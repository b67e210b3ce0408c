"""Sound as the lips' judges want it: loudness of speech over time, and cepstral coefficients.

The coefficients are those that Light-ASD was trained on: mel-frequency cepstra (Davis and Mermelstein, 1980) with 26
filters, pre-emphasis 0.97, sinusoidal liftering 22, and the frame's log energy in place of the first coefficient.
NumPy and SciPy only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

RATE = 16_000
WINDOW, STEP = 400, 160  # samples: 25 ms every 10 ms
FFT = 512
FILTERS, COEFFICIENTS = 26, 13
PRE_EMPHASIS = 0.97
LIFTER = 22
FULL_SCALE = 32768.0  # the coefficients count samples as 16-bit numbers

SPEECH_BAND = (500.0, 2000.0)  # Hz: the formants that rise with an open mouth, without hum, hum's overtones and hiss
LOUDNESS_POWER = 0.15  # of energy: a closed mouth stands out, a shout does not drown the rest
LOUDNESS_SMOOTHING = 3.0  # steps of 10 ms


def loudness(voice: NDArray[np.floating]) -> NDArray[np.float64]:
    """Loudness of a voice in its speech band, (frames,), 100 a second, frame ``i`` centred at ``0.01 i + 0.0125`` s.

    Raises:
        ValueError: the voice is shorter than a frame or holds what is no number.
    """
    band = sosfiltfilt(butter(4, SPEECH_BAND, btype="bandpass", fs=RATE, output="sos"), _checked(voice))
    energy = (_frames(band, padded=False) ** 2).mean(1)
    return gaussian_filter1d(energy**LOUDNESS_POWER, LOUDNESS_SMOOTHING)


def cepstra(voice: NDArray[np.floating]) -> NDArray[np.float32]:
    """(frames, 13) mel-frequency cepstral coefficients of a voice in [-1, 1], 100 frames a second.

    Raises:
        ValueError: as ``loudness``.
    """
    samples = _checked(voice) * FULL_SCALE
    emphasised = np.append(samples[0], samples[1:] - PRE_EMPHASIS * samples[:-1])
    power = np.abs(np.fft.rfft(_frames(emphasised, padded=True), FFT)) ** 2 / FFT
    tiny = np.finfo(np.float64).eps
    bands = np.maximum(power @ _mel_filters().T, tiny)
    found = dct(np.log(bands), type=2, axis=1, norm="ortho")[:, :COEFFICIENTS]
    found *= 1 + LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / LIFTER)
    found[:, 0] = np.log(np.maximum(power.sum(1), tiny))
    return found.astype(np.float32)


def _checked(voice: NDArray[np.floating]) -> NDArray[np.float64]:
    samples = np.asarray(voice, np.float64)
    if samples.ndim != 1 or len(samples) < WINDOW or not np.isfinite(samples).all():
        raise ValueError("a voice is a row of finite samples, 25 ms or longer")
    return samples


def _frames(samples: NDArray[np.float64], *, padded: bool) -> NDArray[np.float64]:
    if padded:  # the last frame counts even where it is not full
        missing = -(len(samples) - WINDOW) % STEP
        samples = np.append(samples, np.zeros(missing))
    return np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]


def _mel_filters() -> NDArray[np.float64]:
    """(26, 257) triangles, evenly spaced on the mel scale from 0 to half the sampling rate."""
    highest = 2595 * np.log10(1 + RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, FILTERS + 2) / 2595) - 1)
    edges = np.floor((FFT + 1) * hertz / RATE)
    bins = np.arange(FFT // 2 + 1)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - left) / (middle - left)
    falling = (right - bins) / (right - middle)
    return np.where(bins < middle, rising, falling) * ((bins >= left) & (bins < right))
