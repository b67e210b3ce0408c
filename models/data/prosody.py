"""How something is said: 103 values of pitch, energy and duration over voiced and unvoiced segments.

Source: Dehak, Dumouchel and Kenny, "Modeling prosodic features with joint factor analysis for speaker verification",
IEEE TASLP 2007, in the choice of values of Vasquez-Correa's DisVoice (2018). The pitch tracker is Boersma's
autocorrelation method (1993), without his path search: the median of five frames stands in for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import get_window

from models.data.features import PROSODY

Array = NDArray[np.float64]
Spans = list[tuple[float, float]]

RATE = 16_000
HOP = 160  # samples: 10 ms
WINDOW = 640  # 40 ms: three periods of the lowest voice
LOWEST, HIGHEST = 75.0, 500.0  # Hz
LEAST_PERIODIC = 0.45  # height of the autocorrelation's peak that makes a frame voiced
OCTAVE_COST = 0.02  # an octave down has to be better by so much, or subharmonics win
QUIETEST, SILENCE = 40.0, -90.0  # dB below the loudest frame, and dBFS; below them nothing is voiced
LARGEST_JUMP = 0.3  # octaves from a frame to the next
SMOOTHED = 5  # frames
SHORTEST_VOICED, SHORTEST_UNVOICED = 4, 2  # frames
LARGEST_RATIO = 10.0  # of two durations, one of which may be nothing

STATISTICS = ("mean", "std", "max", "min", "skewness", "kurtosis")
F0_PARTS = ("f0", "f0_tilt", "f0_fit_error", "f0_first_segment", "f0_last_segment")
ENERGY_PARTS = ("tilt", "fit_error", "first_segment", "last_segment")
DURATION_PARTS = ("voiced", "unvoiced", "pause")
RATIOS = (
    *("pause_to_speech", "pause_to_unvoiced", "unvoiced_to_speech", "voiced_to_speech"),
    *("voiced_to_pause", "unvoiced_to_pause"),
)
PROSODY_NAMES: tuple[str, ...] = (
    *(f"{part}_{statistic}" for part in F0_PARTS for statistic in STATISTICS),
    *(
        f"energy_{kind}_{part}_{statistic}"
        for kind in ("voiced", "unvoiced")
        for part in ENERGY_PARTS
        for statistic in STATISTICS
    ),
    "voiced_rate",
    *(f"duration_{part}_{statistic}" for part in DURATION_PARTS for statistic in STATISTICS),
    *(f"duration_{ratio}" for ratio in RATIOS),
)


def prosody(voice: NDArray[np.floating], speech: Spans) -> NDArray[np.float32]:
    """The values of PROSODY_NAMES: pitch in Hz, energy in dBFS, tilts a second, durations in seconds.

    Where there is no segment of a kind its values are 0. What lies before the first and after the last span of speech
    is silence, no pause.

    Arguments:
        voice: (samples,) mono at 16 kHz.
        speech: spans in which somebody speaks, in seconds and in order.

    Returns:
        (103,), all NaN where nobody speaks.
    """
    frames = framed(voice)
    speaking = _speaking(len(frames), speech)
    if not speaking.any():
        return np.full(PROSODY, np.nan, np.float32)
    pitch = pitch_of(frames)
    decibels = energy(frames)
    voiced = runs((pitch > 0) & speaking, SHORTEST_VOICED)
    unvoiced = runs(~_covered(voiced, len(frames)) & speaking, SHORTEST_UNVOICED)
    first, last = np.flatnonzero(speaking)[[0, -1]]
    pauses = runs(~speaking[first : last + 1], 1)
    values = [
        *six(np.concatenate(_cut(pitch, voiced))),
        *_segments(pitch, voiced),
        *_segments(decibels, voiced),
        *_segments(decibels, unvoiced),
        len(voiced) * RATE / HOP / (last + 1 - first),
        *_durations(voiced, unvoiced, pauses),
    ]
    return np.array(values, np.float32)


def framed(voice: NDArray[np.floating]) -> Array:
    """Frames (count, WINDOW) every HOP samples, centred, without their mean."""
    padded = np.pad(voice.astype(np.float64), WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: max(1, len(voice) // HOP) * HOP : HOP]
    return frames - frames.mean(1, keepdims=True)


def energy(frames: Array) -> Array:
    """dBFS of each frame."""
    return 10 * np.log10(np.einsum("ij,ij->i", frames, frames) / WINDOW + 1e-10)


def pitch_of(frames: Array) -> Array:
    """Fundamental frequency of each frame in Hz, 0 where it is not voiced (Boersma, 1993, equations 8 and 9)."""
    similar = _autocorrelation(frames)
    lags = np.arange(int(RATE / HIGHEST), int(np.ceil(RATE / LOWEST)) + 1)
    before, at, after = (similar[:, lags + step] for step in (-1, 0, 1))
    peak = (at >= before) & (at > after)
    # The peak of the parabola through the three: on whole samples a high voice would lose to its own subharmonics.
    bend = np.minimum(before - 2 * at + after, -1e-9)
    offset = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    height = at - 0.25 * (before - after) * offset
    preferred = np.where(peak, height - OCTAVE_COST * np.log2(lags * LOWEST / RATE), -np.inf)
    rows, best = np.arange(len(frames)), preferred.argmax(1)
    hertz = RATE / (lags[best] + offset[rows, best])
    loudness = energy(frames)
    heard = (loudness > loudness.max() - QUIETEST) & (loudness > SILENCE)
    voiced = peak[rows, best] & (height[rows, best] > LEAST_PERIODIC) & heard
    return _smoothed(np.where(voiced, hertz, 0.0))


def runs(mask: NDArray[np.bool_], shortest: int) -> NDArray[np.int64]:
    """Starts and ends (count, 2) of the runs of True that last at least ``shortest``."""
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(np.int8))).reshape(-1, 2)
    return edges[edges[:, 1] - edges[:, 0] >= shortest]


def six(values: Array) -> list[float]:
    """STATISTICS of some values; skewness and excess kurtosis are 0 where nothing varies, all are 0 of nothing."""
    if not len(values):
        return [0.0] * len(STATISTICS)
    mean, deviation = float(values.mean()), float(values.std())
    scaled = (values - mean) / deviation if deviation > 1e-9 * max(1.0, abs(mean)) else np.zeros(len(values))
    kurtosis = float(np.mean(scaled**4)) - 3 if scaled.any() else 0.0
    return [mean, deviation, float(values.max()), float(values.min()), float(np.mean(scaled**3)), kurtosis]


def _autocorrelation(frames: Array) -> Array:
    """Normalised so that a periodic frame has 1 at its period: divided by its power and by the window's own."""
    window = get_window("hann", WINDOW)
    size = 2 * WINDOW

    def raw(sound: Array) -> Array:
        # Summed over 40 ms, single precision is enough and twice as quick.
        spectrum = np.fft.rfft(sound.astype(np.float32), size, axis=-1)
        return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size, axis=-1)[..., : WINDOW // 2]

    own = raw(window)
    found = raw(frames * window)
    return found / np.maximum(found[:, :1], 1e-12) / (own / own[0])


def _smoothed(pitch: Array) -> Array:
    """The median of SMOOTHED frames within each voiced run; what is shorter than a voice can be and jumps is no voice."""
    smooth = pitch.copy()
    for start, end in runs(pitch > 0, SMOOTHED):
        smooth[start:end] = median_filter(pitch[start:end], SMOOTHED, mode="nearest")
    octaves = np.log2(np.maximum(smooth, 1.0))
    pieces = np.cumsum(np.abs(np.diff(octaves, prepend=octaves[0])) > LARGEST_JUMP)
    return np.where(np.bincount(pieces)[pieces] >= SHORTEST_VOICED, smooth, 0.0)


def _speaking(count: int, speech: Spans) -> NDArray[np.bool_]:
    mask = np.zeros(count, bool)
    for start, end in speech:
        mask[round(start * RATE / HOP) : round(end * RATE / HOP)] = True
    return mask


def _covered(spans: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, bool)
    for start, end in spans:
        mask[start:end] = True
    return mask


def _cut(contour: Array, spans: NDArray[np.int64]) -> list[Array]:
    return [contour[start:end] for start, end in spans] or [contour[:0]]


def _segments(contour: Array, spans: NDArray[np.int64]) -> list[float]:
    """Statistics of the tilts, of the errors of the straight lines, of the first and of the last segment."""
    segments = _cut(contour, spans)
    lines = [_line(segment) for segment in segments if len(segment)]
    tilts, errors = np.array(lines).reshape(-1, 2).T
    parts = [tilts, errors, segments[0], segments[-1]]
    return [value for part in parts for value in six(part)]


def _line(segment: Array) -> tuple[float, float]:
    """Slope a second and mean squared error of the least-squares line."""
    time = (np.arange(len(segment)) - (len(segment) - 1) / 2) * HOP / RATE
    centred = segment - segment.mean()
    slope = float(time @ centred / max(float(time @ time), 1e-12))
    return slope, float(np.mean((centred - slope * time) ** 2))


def _durations(voiced: NDArray[np.int64], unvoiced: NDArray[np.int64], pauses: NDArray[np.int64]) -> list[float]:
    lengths = [(spans[:, 1] - spans[:, 0]) * HOP / RATE for spans in (voiced, unvoiced, pauses)]
    spoken, unspoken, silent = (float(length.sum()) for length in lengths)
    ratios = [
        *(_ratio(silent, spoken + unspoken), _ratio(silent, unspoken), _ratio(unspoken, spoken + unspoken)),
        *(_ratio(spoken, spoken + unspoken), _ratio(spoken, silent), _ratio(unspoken, silent)),
    ]
    return [*(value for length in lengths for value in six(length)), *ratios]


def _ratio(one: float, other: float) -> float:
    return 0.0 if one <= 0 else min(LARGEST_RATIO, one / max(other, HOP / RATE))
