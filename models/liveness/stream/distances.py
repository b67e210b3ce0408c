"""How far every picture of a capture is from every other, whatever the light did meanwhile.

The distance of two pictures is what is left of their mean squared difference when gain and offset of one are free:
2 * deviation_a * deviation_b * (1 - correlation). Noise that is new in every picture adds the same amount everywhere;
motion adds more, the longer it goes on.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 48  # pixels of averaging take noise away, and leave motion
MAJORITY_OF = 5  # pictures
LEAST = 1e-3  # squared grey levels; below it is rounding


def picture_distances(scenes: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, n) squared grey levels, between grey pictures (n, height, width) of 0 to 255."""
    small = np.stack([cv2.resize(one, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for one in scenes])
    pixels = small.reshape(len(small), -1).astype(np.float64)
    pixels -= pixels.mean(1, keepdims=True)
    deviation = np.sqrt((pixels**2).mean(1))
    unit = pixels / np.maximum(deviation, 1e-6)[:, None]
    correlation = np.clip(unit @ unit.T / pixels.shape[1], -1.0, 1.0)
    return 2 * np.outer(deviation, deviation) * (1 - correlation)


def steps(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n - 1,) distance of each picture from the next, at least ``LEAST``."""
    return np.maximum(np.diagonal(distances, 1), LEAST)


def growth(distances: NDArray[np.float64], seconds: NDArray[np.float64], lag: float) -> float:
    """Median distance of pictures at least ``lag`` seconds apart, over the median step. A still with noise gives 1.

    0, which passes nowhere, where no two pictures are that far apart.
    """
    apart = np.subtract.outer(seconds, seconds) >= lag
    if not apart.any():
        return 0.0
    return float(np.median(distances[apart]) / np.median(steps(distances)))


def longest_still(distances: NDArray[np.float64], seconds: NDArray[np.float64], reach: int, tolerance: float) -> float:
    """Longest time in seconds over which noise alone changes.

    A picture stands still when the next ``reach`` are all about as far from it, near ones and distant ones within the
    factor ``tolerance``. Of five neighbours two may be of another opinion.
    """
    ahead = np.stack([np.diagonal(distances, k)[: len(distances) - reach] for k in range(1, reach + 1)])
    ahead = np.maximum(ahead, LEAST)
    near, distant = np.median(ahead[: reach // 2], axis=0), np.median(ahead[reach // 2 :], axis=0)
    flat = np.abs(np.log(distant / near)) <= np.log(tolerance)
    still = np.convolve(flat, np.ones(MAJORITY_OF), "same") > MAJORITY_OF / 2
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still, [0]])))
    begin, end = edges[::2], edges[1::2] - 1 + reach
    return float((seconds[end] - seconds[begin]).max()) if len(begin) else 0.0
