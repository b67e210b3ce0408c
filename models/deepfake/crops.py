"""The pieces of a picture that the deepfake gate looks at: squares around a face, without resampling where it can."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (height, width, 3), RGB; or (height, width), brightness
Grey = NDArray[np.uint8]  # (height, width), brightness
Square = tuple[float, float, float, float]  # left, top, width, height in pixels; width and height are the same
Points = NDArray[np.float32]  # (n, 2), pixels


def brightness(image: Image) -> Grey:
    """Of an RGB picture; a grey one stays as it is. The whole gate sees brightness only."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def widened(square: Square, sides: float) -> Square:
    """The square with the same middle, ``sides`` times as wide."""
    left, top, across, down = square
    return (left + across * (1 - sides) / 2, top + down * (1 - sides) / 2, across * sides, down * sides)


def cut(image: Image, square: Square) -> Image:
    """The pixels of a square as they are; the edge is repeated where it leaves the picture.

    Raises:
        ValueError: the square lies wholly outside, is no square of numbers, or is smaller than two pixels.
    """
    if not np.isfinite(square).all():
        raise ValueError("the square around the face is no number")
    left, top = round(square[0]), round(square[1])
    side = round((square[2] + square[3]) / 2)
    height, width = image.shape[:2]
    if side < 2 or left >= width or top >= height or left + side <= 0 or top + side <= 0:
        raise ValueError("the square around the face does not lie in the picture")
    inside = image[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
    above, below = max(0, -top), max(0, top + side - height)
    before, after = max(0, -left), max(0, left + side - width)
    if above or below or before or after:
        inside = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE).astype(
            np.uint8, copy=False
        )
    return inside


def scaled(image: Image, size: int) -> Image:
    """A square picture of ``size`` pixels a side: averaged when it becomes smaller, so that nothing aliases."""
    how = cv2.INTER_AREA if size < image.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(image, (size, size), interpolation=how).astype(np.uint8, copy=False)


def face_crop(image: Image, square: Square, *, sides: float, size: int) -> Image:
    """``sides`` times the square around a face, ``size`` pixels a side.

    Raises:
        ValueError: as ``cut``.
    """
    return scaled(cut(image, widened(square, sides)), size)
