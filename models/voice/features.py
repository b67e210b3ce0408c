"""Sound to what speaker networks see. Slaney's mel scale, as Auditory Toolbox (1998) defines it."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import get_window

LINEAR_STEP = 200.0 / 3  # Hz a mel below BREAK
BREAK = 1000.0
LOG_STEP = np.log(6.4) / 27


def mel_power(voice: NDArray[np.float32], *, rate: int = 16_000, window: int = 400, hop: int = 160, bands: int = 40):
    """Mel power spectrogram (frames, bands), centred frames, periodic Hann window.

    Arguments:
        voice: (samples,) in [-1, 1].
        rate: samples a second; window and hop are in samples.
    """
    padded = np.pad(voice.astype(np.float32), window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    spectrum = np.abs(np.fft.rfft(frames * get_window("hann", window).astype(np.float32), axis=1)) ** 2
    return (spectrum @ filterbank(rate, window, bands).T).astype(np.float32)


@cache
def filterbank(rate: int, window: int, bands: int) -> NDArray[np.float64]:
    """Triangular filters of unit area (bands, window // 2 + 1)."""
    edges = mel_to_hertz(np.linspace(0.0, hertz_to_mel(rate / 2), bands + 2))
    bins = np.linspace(0.0, rate / 2, window // 2 + 1)
    widths = np.diff(edges)
    rising = (bins[None, :] - edges[:-2, None]) / widths[:-1, None]
    falling = (edges[2:, None] - bins[None, :]) / widths[1:, None]
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def hertz_to_mel(hertz: float) -> float:
    if hertz < BREAK:
        return hertz / LINEAR_STEP
    return BREAK / LINEAR_STEP + np.log(hertz / BREAK) / LOG_STEP


def mel_to_hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    break_mel = BREAK / LINEAR_STEP
    return np.where(mels < break_mel, mels * LINEAR_STEP, BREAK * np.exp(LOG_STEP * (mels - break_mel)))
