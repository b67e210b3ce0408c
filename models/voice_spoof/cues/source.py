"""The source of a voice: how regular its pitch is, how much noise is in it, and how sharp its pulses are.

A throat's pitch trembles, its pulses are sharp and lean to one side, and its upper band is less periodic than its
lower. Sources: Titze, "Workshop on acoustic voice analysis", NCVS 1995 (jitter, shimmer); Boersma, "Accurate short-term
analysis of the fundamental frequency and the harmonics-to-noise ratio", IFA Proceedings 1993; Drugman et al.,
"Detection of glottal closure instants from speech signals", IEEE TASLP 2012 (moments of the residual).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import hilbert

from models.voice_spoof.cues.frames import BAND, RATE, Frames, Values, cut

WINDOW = 640  # 40 ms: two periods of a low voice
LAGS = (RATE // 400, RATE // 60)  # samples, for 400 to 60 Hz
VOICED = 0.5  # normalised autocorrelation
UPPER = 2000.0  # Hz
EVERY = 2  # samples: linear prediction looks at 8 kHz, or it would mostly predict the band limit
ORDER = 10
LARGEST_STEP = 0.1  # of the pitch between two frames; more is an octave error or a new syllable
FEWEST_VOICED = 12


@dataclass(frozen=True, slots=True)
class Periods:
    """(frames,) normalised autocorrelation at the best lag, that lag in samples, and whether the frame is voiced."""

    peak: Values
    lag: Values
    voiced: NDArray[np.bool_]


def source_cues(frames: Frames) -> dict[str, float]:
    """Raises ValueError when there is too little voiced speech to tell."""
    spectrum = np.fft.rfft(frames.voice)
    lower = cut(_band(spectrum, len(frames.voice), 60.0, BAND[1]), WINDOW)
    periods = _periods(lower, frames.active[: len(lower)])
    if periods.voiced.sum() < FEWEST_VOICED:
        raise ValueError("there is too little voiced speech")
    upper = cut(np.abs(hilbert(_band(spectrum, len(frames.voice), UPPER, BAND[1]))), WINDOW)
    harmonic = 10 * np.log10(periods.peak / (1 - periods.peak))[periods.voiced]
    return {
        "harmonicity": float(np.median(harmonic)),
        "harmonicity_spread": float(np.subtract(*np.percentile(harmonic, [75, 25]))),
        "upper_periodicity": float(np.median(_at_lag(upper[periods.voiced], periods.lag[periods.voiced]))),
        **_pitch(periods, frames),
        **_residual(lower[periods.voiced]),
    }


def _band(spectrum: NDArray[np.complex128], samples: int, low: float, high: float) -> Values:
    frequency = np.arange(len(spectrum)) * RATE / samples
    return np.fft.irfft(np.where((frequency >= low) & (frequency < high), spectrum, 0), samples)


def _periods(pieces: Values, active: NDArray[np.bool_]) -> Periods:
    pieces = pieces - pieces.mean(1, keepdims=True)
    size = 2 * WINDOW
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, size, axis=1)) ** 2, axis=1)[:, : LAGS[1] + 2]
    # A lag leaves fewer samples to multiply: without this the shortest lag always wins.
    correlation = correlation / (correlation[:, :1] + 1e-12) / (1 - np.arange(correlation.shape[1]) / WINDOW)
    searched = correlation[:, LAGS[0] : LAGS[1] + 1]
    best = searched.argmax(1) + LAGS[0]
    rows = np.arange(len(best))
    before, here, after = (correlation[rows, best + shift] for shift in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, 1), 0)
    peak = np.clip(here, 1e-3, 0.999)
    return Periods(peak, best + np.clip(shift, -0.5, 0.5), active & (peak > VOICED))


def _at_lag(pieces: Values, lag: Values) -> Values:
    """Normalised autocorrelation of each piece at its own lag."""
    pieces = pieces - pieces.mean(1, keepdims=True)
    size = 2 * WINDOW
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, size, axis=1)) ** 2, axis=1)
    at = correlation[np.arange(len(lag)), np.round(lag).astype(int)]
    return at / (correlation[:, 0] + 1e-12) / (1 - lag / WINDOW)


def _pitch(periods: Periods, frames: Frames) -> dict[str, float]:
    pitch = np.log(RATE / periods.lag)
    level = frames.level[: len(pitch)]
    steps = np.diff(pitch)
    steady = periods.voiced[1:] & periods.voiced[:-1] & (np.abs(steps) < LARGEST_STEP)
    bends = np.diff(steps)[steady[1:] & steady[:-1]]
    if len(bends) < FEWEST_VOICED // 2:
        raise ValueError("the voice holds no pitch long enough")
    return {
        "pitch_step": float(np.log(np.median(np.abs(steps[steady])) + 1e-4)),
        "pitch_bend": float(np.log(np.median(np.abs(bends)) + 1e-4)),
        "pitch_spread": float(np.subtract(*np.percentile(pitch[periods.voiced], [75, 25]))),
        "shimmer": float(np.median(np.abs(np.diff(level)[steady]))),
        "voiced_share": float(periods.voiced.sum() / frames.active.sum()),
    }


def _residual(pieces: Values) -> dict[str, float]:
    """Moments of what linear prediction leaves over, and how much that is."""
    windowed = pieces[:, ::EVERY] * np.hanning(WINDOW // EVERY)
    residual = windowed.copy()
    for delay, weights in enumerate(prediction(windowed).T[1:], start=1):
        residual[:, delay:] += weights[:, None] * windowed[:, :-delay]
    energy = (residual**2).mean(1) + 1e-15
    kurtosis = ((residual**2) ** 2).mean(1) / energy**2
    skewness = (residual**2 * residual).mean(1) / energy**1.5
    return {
        "pulse_sharpness": float(np.log(np.median(kurtosis))),
        "pulse_side": float(abs(np.median(skewness))),
        "prediction_gain": float(np.median(10 * np.log10(((windowed**2).mean(1) + 1e-15) / energy))),
    }


def prediction(pieces: Values, order: int = ORDER) -> Values:
    """(pieces, order + 1) linear-prediction coefficients by Levinson's recursion, the first of each one."""
    size = 2 * pieces.shape[1]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, size, axis=1)) ** 2, axis=1)[:, : order + 1]
    correlation[:, 0] = correlation[:, 0] * 1.0001 + 1e-12  # keeps the recursion stable for pure tones
    found = np.zeros((len(pieces), order + 1))
    found[:, 0], error = 1.0, correlation[:, 0].copy()
    for step in range(1, order + 1):
        reflection = -(found[:, :step] * correlation[:, step:0:-1]).sum(1) / error
        found[:, : step + 1] += reflection[:, None] * found[:, step::-1]
        error *= 1 - reflection**2
    return found
