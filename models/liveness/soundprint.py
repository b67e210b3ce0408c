"""An audio fingerprint: bits of how energy moves between neighbouring bands from one moment to the next.

Source: Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002, with shorter windows, because a
capture holds seconds of speech and not of music. The same words of the same speaker, said again, share some bits more
than other words do; the same recording shares many more, after a change of level, a narrow band or some noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
WINDOW, HOP = 4096, 512  # samples: 256 and 32 ms, so that a shift by half a hop changes little
BANDS = 33
LOWEST, HIGHEST = 250.0, 4000.0  # hertz
QUIETEST = 40.0  # decibels below the loudest moment; what is quieter is noise
FLOOR = 1e-4  # root mean square of full scale; what is quieter is silence
FEWEST = 24  # moments that have to overlap: three quarters of a second


@dataclass(frozen=True, slots=True)
class Soundprint:
    """``bits`` (n, 4) uint8, 32 bits a moment; ``loud`` (n,) whether the moment counts."""

    bits: NDArray[np.uint8]
    loud: NDArray[np.bool_]


def soundprint(voice: NDArray[np.float32]) -> Soundprint:
    """Of a mono waveform (samples,) at 16 kHz, in [-1, 1]; empty for one that is shorter than a window.

    Raises:
        ValueError: the waveform is not one row of finite numbers.
    """
    if voice.ndim != 1 or not np.isfinite(voice).all():
        raise ValueError("a soundprint needs one row of finite samples")
    if len(voice) < WINDOW + HOP:
        return Soundprint(np.zeros((0, BANDS // 8), np.uint8), np.zeros(0, np.bool_))
    moments = np.lib.stride_tricks.sliding_window_view(voice.astype(np.float32), WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(moments * np.hanning(WINDOW).astype(np.float32))) ** 2
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 1) * WINDOW / RATE
    energy = np.add.reduceat(power[:, : round(edges[-1])], np.rint(edges[:-1]).astype(int), axis=1)
    slope = np.diff(np.log(energy + 1e-9), axis=1)
    level = np.sqrt((moments**2).mean(1))
    loud = (level > FLOOR) & (level > level.max() * 10 ** (-QUIETEST / 20))
    return Soundprint(np.packbits(np.diff(slope, axis=0) > 0, axis=1), loud[1:] & loud[:-1])


def likeness(first: Soundprint, second: Soundprint) -> float:
    """Share of equal bits where the two fit best: 0.5 to 0.73 for two recordings, near 1 for one.

    0 where too few loud moments overlap to say anything.
    """
    best = 0.0
    for shift in range(FEWEST - len(second.bits), len(first.bits) - FEWEST + 1):
        begin, end = max(0, shift), min(len(first.bits), len(second.bits) + shift)
        both = first.loud[begin:end] & second.loud[begin - shift : end - shift]
        if both.sum() >= FEWEST:
            unequal = np.bitwise_count(first.bits[begin:end][both] ^ second.bits[begin - shift : end - shift][both])
            best = max(best, 1 - float(unequal.mean()) / 8)
    return best
