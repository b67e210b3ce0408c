"""Blinks from landmarks over time.

Source: Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016 (eye aspect ratio).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Six points an eye in MediaPipe's mesh: outer corner, two above, inner corner, two below.
EYES = np.array([[33, 160, 158, 133, 153, 144], [362, 385, 387, 263, 373, 380]])
OPEN_QUANTILE = 0.75  # people's eyes are open most of the time
CLOSED_SHARE = 0.65  # of the open eye's ratio
OPEN_SHARE = 0.80
LEAST_OPEN = 0.12  # below this the eyes cannot be read (sunglasses, closed all along)
LONGEST_BLINK = 1.0  # seconds; longer is not a blink


@dataclass(frozen=True, slots=True)
class Blinks:
    """``count`` of open, closed, open again; ``open_ratio`` and ``lowest`` are eye aspect ratios."""

    count: int
    open_ratio: float
    lowest: float


def eye_aspect_ratio(mesh: NDArray[np.float32]) -> float:
    """Mean eye aspect ratio of a mesh (478, 3): height over width, about 0.3 when open."""
    points = mesh[EYES, :2]
    across = np.linalg.norm(points[:, 0] - points[:, 3], axis=1)
    down = np.linalg.norm(points[:, 1] - points[:, 5], axis=1) + np.linalg.norm(points[:, 2] - points[:, 4], axis=1)
    return float(np.mean(down / (2 * np.maximum(across, 1e-6))))


def count_blinks(ratios: NDArray[np.float64], times: NDArray[np.float64]) -> Blinks:
    """Count blinks in eye aspect ratios (n,) taken at ``times`` (n,) seconds."""
    if not len(ratios):
        return Blinks(0, 0.0, 0.0)
    open_ratio = float(np.quantile(ratios, OPEN_QUANTILE))
    lowest = float(ratios.min())
    if open_ratio < LEAST_OPEN:
        return Blinks(0, open_ratio, lowest)
    count, closed_since = 0, None
    seen_open = False
    for ratio, time in zip(ratios, times, strict=True):
        if ratio >= OPEN_SHARE * open_ratio:
            if closed_since is not None and time - closed_since <= LONGEST_BLINK:
                count += 1
            seen_open, closed_since = True, None
        elif ratio <= CLOSED_SHARE * open_ratio and seen_open and closed_since is None:
            closed_since = time
    return Blinks(count, open_ratio, lowest)
