"""Whether anything moves: a camera never gives the same picture twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAME_BELOW = 0.15  # mean absolute difference of grey levels; sensor noise after JPEG is above it


def frozen_share(faces: NDArray[np.float32]) -> float:
    """Share of steps in which the face (n, height, width), grey levels 0 to 255, did not change at all."""
    if len(faces) < 2:
        return 1.0
    return float(np.mean(np.abs(np.diff(faces, axis=0)).mean((1, 2)) < SAME_BELOW))
