"""Blink n times: whether somebody who was asked for n blinks made them in the time given.

People blink by themselves 10 to 20 times a minute (Bentivoglio et al., "Analysis of blink rate patterns in normal
subjects", Movement Disorders 1997), so about one natural blink falls into a window of four seconds. At a camera's dozen
frames a second it cannot be told from a deliberate one. One blink more than asked for is therefore let pass; two more,
or one fewer, are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.liveness.cues.blink import count_blinks

NATURAL = 1  # blinks more than asked for that pass
LONGEST_GAP = 0.35  # seconds without a readable eye; a blink may hide in a longer one


@dataclass(frozen=True, slots=True)
class BlinkCheck:
    """``done``, and how many blinks were seen in the window."""

    done: bool
    count: int


def check_blinks(
    ratios: NDArray[np.float64], times: NDArray[np.float64], expected: int, starts: float, ends: float
) -> BlinkCheck:
    """Count blinks between ``starts`` and ``ends``.

    Arguments:
        ratios: (n,) eye aspect ratios, NaN where the face was lost.
        times: (n,) seconds.

    Raises:
        ValueError: shapes differ, or no blink is expected, which anything would pass.
    """
    if ratios.shape != times.shape:
        raise ValueError("one time a ratio is needed")
    if expected < 1:
        raise ValueError("a challenge asks for one blink at least")
    readable = np.isfinite(ratios) & (times >= starts) & (times <= ends)
    moments = times[readable]
    gaps = np.diff([starts, *moments, ends])
    if gaps.max() > LONGEST_GAP:
        return BlinkCheck(False, 0)
    count = count_blinks(ratios[readable], moments).count
    return BlinkCheck(expected <= count <= expected + NATURAL, count)
