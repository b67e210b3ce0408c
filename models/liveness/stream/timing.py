"""Whether times of frames can be those of a browser that stamps by ``performance.now``.

Browsers round to 0.005, 0.1 or 1 ms (W3C, "High Resolution Time"), the page to 0.1 ms. A regular clock is no proof of
anything: a client of the API may send the times that it meant to keep. It is told, and refuses nobody by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HIGHEST_RATE = 120.0  # frames a second that a camera gives
RUN = 6  # intervals over which the rate is taken: single frames may arrive in one burst
LONGEST_GAP = 1.5  # seconds; over a longer one something else may have been put before the camera
GRID = 1e-4 + 1e-9  # seconds; the rounding of both ends of an interval


@dataclass(frozen=True, slots=True)
class Timing:
    """``steady``: share of intervals that equal the median one, rounding aside; ``longest_gap`` in seconds."""

    possible: bool
    steady: float
    rate: float
    longest_gap: float


def read_timing(times: NDArray[np.float64]) -> Timing:
    """Of times (n,) in seconds, n at least 2. Times that are no rising numbers are not possible, and say nothing else."""
    intervals = np.diff(times)
    if not np.isfinite(times).all() or not (intervals > 0).all():
        return Timing(possible=False, steady=0.0, rate=0.0, longest_gap=0.0)
    run = min(RUN, len(intervals))
    rate = float(run / (times[run:] - times[:-run]).min())
    gap = float(intervals.max())
    steady = float(np.mean(np.abs(intervals - np.median(intervals)) <= GRID))
    return Timing(rate <= HIGHEST_RATE and gap <= LONGEST_GAP, steady, rate, gap)
