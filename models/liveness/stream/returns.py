"""Whether the pictures of a capture come back: a loop, a clip run to and fro, a handful of stills.

Somebody alive passes through a similar pose again, but not to within a fraction of what one step changes, and not
picture by picture in the same order. How near a picture comes back is counted in steps between neighbours, so that
neither the noise of the camera nor the size of the motion matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.liveness.stream.distances import LEAST, steps

SOONEST = 0.4  # seconds until a picture counts as come back, not as still there
FEWEST = 5  # pictures, likewise
OVERLAP = 8  # pictures that have to come back in order
UNKNOWN = 1000.0  # steps: as far as pictures are that cannot be compared
NEAR = 0.3  # of a median step: as near as no live picture comes back


@dataclass(frozen=True, slots=True)
class Returns:
    """How the pictures come back.

    Arguments:
        share: of pictures that come back to within ``NEAR`` of a step, in any order.
        ratio, period: the best repetition: how far its pictures are apart, in steps, and after how many seconds.
        mirror: the same of the best run backwards.
    """

    share: float
    ratio: float
    period: float
    mirror: float


def find_returns(distances: NDArray[np.float64], seconds: NDArray[np.float64]) -> Returns:
    """Arguments: distances (n, n) of ``picture_distances``; seconds (n,), rising.

    Periods are looked for by the stamps and by counting pictures as well, because stamps may be made up.
    """
    counted = np.arange(len(seconds), dtype=np.float64) * np.median(np.diff(seconds))
    step = steps(distances)
    found = [_repetition(distances, step, clock) for clock in (seconds, counted)]
    ratio, period = min(found)
    mirror = min(_backwards(distances, step, clock) for clock in (seconds, counted))
    return Returns(_share(distances, step), ratio, period, mirror)


def _share(distances: NDArray[np.float64], step: NDArray[np.float64]) -> float:
    order = np.arange(len(distances))
    far = np.abs(np.subtract.outer(order, order)) >= FEWEST
    nearest = np.where(far, distances, np.inf).min(1)
    return float(np.mean(nearest <= NEAR * np.median(step)))


def _repetition(
    distances: NDArray[np.float64], step: NDArray[np.float64], clock: NDArray[np.float64]
) -> tuple[float, float]:
    """(ratio, period) of the best one; (UNKNOWN, 0) when the capture is too short for any."""
    spacing = float(np.median(np.diff(clock)))
    periods = np.arange(max(SOONEST, FEWEST * spacing), clock[-1] - clock[0], spacing / 2)
    if not len(periods):
        return UNKNOWN, 0.0
    ratios = _apart(distances, step, clock, clock + periods[:, None])
    best = int(np.argmin(ratios))
    return float(ratios[best]), float(periods[best])


def _backwards(distances: NDArray[np.float64], step: NDArray[np.float64], clock: NDArray[np.float64]) -> float:
    turns = np.arange(clock[0], clock[-1], float(np.median(np.diff(clock))) / 2)
    return float(_apart(distances, step, clock, 2 * turns[:, None] - clock).min())


def _apart(
    distances: NDArray[np.float64],
    step: NDArray[np.float64],
    clock: NDArray[np.float64],
    partners: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(m,) distances of pictures from those at their ``partners`` times (m, n), in steps; UNKNOWN with too few of them.

    One picture of leeway: a clip is not sampled at the same moments each time round.
    """
    spacing, last = float(np.median(np.diff(clock))), len(clock) - 1
    at = np.clip(np.searchsorted(clock, partners), 1, last)
    at -= partners - clock[at - 1] < clock[at] - partners  # the nearer of the two neighbours
    late_enough = partners - clock >= max(SOONEST, FEWEST * spacing) - 1e-6
    usable = late_enough & (np.abs(clock[at] - partners) <= spacing) & (np.arange(last + 1) < last)
    order = np.arange(last + 1)
    nearest = np.minimum.reduce([distances[order, np.clip(at + shift, 0, last)] for shift in (-1, 0, 1)])
    moved = (usable * np.append(step, 0.0)).sum(1)
    ratio = (usable * nearest).sum(1) / np.maximum(moved, LEAST)
    return np.where(usable.sum(1) >= OVERLAP, np.minimum(ratio, UNKNOWN), UNKNOWN)
