"""Whether a border runs along the face: what was blended in ends where the hull of the landmarks ends.

The idea is that of Li et al., "Face X-ray for more general face forgery detection", CVPR 2020, here without a network:
edges and brightness in a ring along the hull, against the rings inside and outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.deepfake.crops import Points
from models.deepfake.masks import hull_mask

RING = 0.05  # half its width, as a share of the picture
FAINT = 0.5  # grey levels: below, a ratio would only compare rounding


@dataclass(frozen=True, slots=True)
class BorderCues:
    """``edges``: log of the mean edge along the hull over that in the face. ``detail``: log of the fine detail just
    inside the hull over that just outside."""

    edges: float
    detail: float


def border_cues(picture: NDArray[np.float32], points: Points) -> BorderCues:
    """Of a grey picture, 0 to 255, and landmarks (n, 2) in its pixels.

    Raises:
        ValueError: the hull of the landmarks is no face in this picture.
    """
    height, width = picture.shape
    hull = hull_mask(points, (height, width)) > 0.5
    outward = cv2.distanceTransform((~hull).astype(np.uint8), cv2.DIST_L2, 3)
    inward = cv2.distanceTransform(hull.astype(np.uint8), cv2.DIST_L2, 3)
    reach = RING * width
    ring = (outward <= reach / 2) & (inward <= reach / 2)
    within, beyond = (inward > 0) & (inward <= 2 * reach), (outward > 0) & (outward <= 2 * reach)
    core = inward > reach
    if min(ring.sum(), within.sum(), beyond.sum(), core.sum()) < 16:
        raise ValueError("the landmarks enclose no face in this picture")
    edges = np.hypot(cv2.Sobel(picture, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(picture, cv2.CV_32F, 0, 1) / 8)
    detail = np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    return BorderCues(
        edges=float(np.log((edges[ring].mean() + FAINT) / (edges[core].mean() + FAINT))),
        detail=float(np.log((detail[within].mean() + FAINT) / (detail[beyond].mean() + FAINT))),
    )
