"""Masks of a face for blending: the hull of landmarks, varied, deformed and softened.

After Shiohara and Yamasaki, "Detecting deepfakes with self-blended images", CVPR 2022 (section 3.2, mask generator),
and Li et al., "Face X-ray for more general face forgery detection", CVPR 2020 (deformed and softened hulls). Lengths
are in shares of the face's size, so that small and large faces get the same masks.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.deepfake.crops import Points

Mask = NDArray[np.float32]  # (height, width), 0 to 1

SHAPES = ("whole", "inner", "lower", "patch")
SHAPE_SHARES = (0.5, 0.2, 0.15, 0.15)
SWELLING = 0.06  # most that a hull is widened or narrowed
WAVE = 0.03  # most that a border is displaced
WAVE_SIZE = 0.15  # over which the displacement changes
SOFTNESS = (0.004, 0.08)  # sigma of the border


def hull_mask(points: Points, shape: tuple[int, int]) -> Mask:
    """1 inside the convex hull of ``points``, 0 outside; ``shape`` is (height, width).

    Raises:
        ValueError: fewer than three points, or not all of them are numbers.
    """
    if len(points) < 3 or not np.isfinite(points).all():
        raise ValueError("a hull needs three points or more")
    mask = np.zeros(shape, np.float32)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0)
    return mask


def drawn_mask(points: Points, shape: tuple[int, int], draw: np.random.Generator) -> Mask:
    """A mask of the face as some generator of forgeries might have used: its region, border and softness are drawn."""
    size = face_size(points)
    mask = hull_mask(_region(points, draw), shape)
    mask = _swollen(mask, float(draw.uniform(-SWELLING, SWELLING)) * size)
    mask = displaced(mask, size * WAVE, size * WAVE_SIZE, draw)
    return softened(mask, size * float(np.exp(draw.uniform(*np.log(SOFTNESS)))))


def face_size(points: Points) -> float:
    """Side in pixels of a square as large as the landmarks' box."""
    return float(np.sqrt(np.prod(np.maximum(np.ptp(points, axis=0), 1.0))))


def displaced(picture: NDArray, most: float, over: float, draw: np.random.Generator) -> NDArray:
    """A picture or mask whose pixels are moved by up to about ``most`` pixels, smoothly over ``over`` pixels."""
    height, width = picture.shape[:2]
    # Drawn on a coarse grid and enlarged: blurring noise of the full size costs ten times as much.
    grid = max(2, round(width / max(over, 1.0))), max(2, round(height / max(over, 1.0)))
    moves = draw.uniform(-most, most, (2, grid[1], grid[0])).astype(np.float32)
    across, down = (cv2.resize(move, (width, height), interpolation=cv2.INTER_CUBIC) for move in moves)
    across += np.arange(width, dtype=np.float32)[None, :]
    down += np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(picture.dtype, copy=False)


def softened(mask: Mask, sigma: float) -> Mask:
    """The mask with a border that rises over ``sigma`` pixels, and stays inside the mask for the most part."""
    if sigma < 0.3:
        return mask
    blurred = cv2.GaussianBlur(mask, (0, 0), sigma)
    # The second blur of the paper: cut at one half and soften again, so that the border lies further inside.
    further_in = (blurred > 0.6).astype(np.float32)
    return cv2.GaussianBlur(further_in, (0, 0), sigma).astype(np.float32, copy=False)


def _region(points: Points, draw: np.random.Generator) -> Points:
    shape = draw.choice(SHAPES, p=SHAPE_SHARES)
    middle = points.mean(axis=0)
    if shape == "inner":
        return (middle + (points - middle) * draw.uniform(0.55, 0.85, 2)).astype(np.float32)
    if shape == "lower":
        height = np.quantile(points[:, 1], draw.uniform(0.3, 0.6))
        return points[points[:, 1] >= height] if (points[:, 1] >= height).sum() >= 3 else points
    if shape == "patch":
        centre = points[draw.integers(len(points))]
        nearest = np.argsort(((points - centre) ** 2).sum(axis=1))
        return points[nearest[: max(3, round(len(points) * draw.uniform(0.3, 0.7)))]]
    return points


def _swollen(mask: Mask, pixels: float) -> Mask:
    size = 2 * round(abs(pixels)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return (cv2.dilate(mask, kernel) if pixels > 0 else cv2.erode(mask, kernel)).astype(np.float32, copy=False)
