"""The square around a face in the pixels of the camera, for cues that a change of scale would blur."""

from __future__ import annotations

import cv2
import numpy as np

from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, Image

LARGEST = 256  # pixels; larger faces are shrunk to it, smaller ones stay as they are


def native_square(image: Image, face: DetectedFace, *, largest: int = LARGEST) -> Image:
    """(side, side, 3) RGB; the picture's edge is repeated where the square leaves it. Never enlarged."""
    left, top, across, _ = square_around(face)
    side = max(1, round(across))
    x, y = round(left), round(top)
    height, width = image.shape[:2]
    rows = np.clip(np.arange(y, y + side), 0, height - 1)
    columns = np.clip(np.arange(x, x + side), 0, width - 1)
    square = image[rows[:, None], columns[None, :]]
    if side <= largest:
        return np.ascontiguousarray(square)
    return cv2.resize(square, (largest, largest), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
