"""Grey crops of a face, and of the whole picture, that the gates look at."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, Image


def thumbnail(image: Image, size: int) -> NDArray[np.float32]:
    """The whole picture, (size, size), grey, 0 to 255; its proportions are not kept."""
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def grey_crop(image: Image, face: DetectedFace, *, sides: float, size: int) -> NDArray[np.float32]:
    """``sides`` times the square around the face, (size, size), 0 to 255; the edge is repeated outside."""
    left, top, across, down = square_around(face)
    scale = size / (across * sides)
    matrix = np.array(
        [
            [scale, 0, size / 2 - scale * (left + across / 2)],
            [0, scale, size / 2 - scale * (top + down / 2)],
        ]
    )
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    crop = cv2.warpAffine(image, matrix, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
