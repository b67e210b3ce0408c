"""Sound to what the digit network sees: a log-mel spectrogram of the telephone band, relative to the recording itself.

Only 100 to 3,700 Hz are used. The recordings that the network learns from (Free Spoken Digit Dataset) were sampled at
8 kHz, so that they hold nothing above 4 kHz: a network that saw the upper band would learn that digits have none, and
fail on every microphone that does. Mel scale of O'Shaughnessy, "Speech Communication", 1987.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

RATE = 16_000
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms
BANDS = 40
STRIDE = 4  # frames a moment of the network: 40 ms
LOWEST, HIGHEST = 100.0, 3700.0  # Hz
FLOOR = 1e-6  # of the loudest band and moment: 60 dB down there is only the recorder's own noise
LEAST_SECONDS = 0.3

Spectrogram = NDArray[np.float32]


def log_mel(voice: NDArray[np.float32]) -> Spectrogram:
    """(frames, 40) log-mel spectrogram, each band's mean over the recording taken off, of unit spread over all.

    Level and the colour of the microphone are thereby gone.

    Arguments:
        voice: (samples,) mono, 16 kHz.

    Raises:
        ValueError: it is no waveform, shorter than 0.3 s, holds what is no number, or is silent.
    """
    if voice.ndim != 1 or len(voice) < LEAST_SECONDS * RATE:
        raise ValueError("this is too short to hold a digit")
    if not np.isfinite(voice).all():
        raise ValueError("this sound holds what is no number")
    power = _mel_power(voice.astype(np.float32))
    loudest = float(power.max())
    if loudest <= 1e-12:
        raise ValueError("this sound is silent")
    logs = np.log(np.maximum(power / loudest, FLOOR))
    logs -= logs.mean(0)
    return (logs / max(float(logs.std()), 1e-3)).astype(np.float32)


def _mel_power(voice: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = np.lib.stride_tricks.sliding_window_view(voice, WINDOW)[::HOP]
    spectrum = rfft(frames * np.hanning(WINDOW).astype(np.float32), FFT, axis=1)  # SciPy's stays in single precision
    return (spectrum.real**2 + spectrum.imag**2) @ _filters().T


@cache
def _filters() -> NDArray[np.float32]:
    """Triangles of equal height (bands, bins), evenly spaced in mel."""
    lowest, highest = (2595 * float(np.log10(1 + hertz / 700)) for hertz in (LOWEST, HIGHEST))
    mels = np.linspace(lowest, highest, BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)
