"""Light from the skin and from what lies beside the head, over frames."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from models.liveness.challenges.light import linear_light
from worker.engines.types import Image, Mesh

LINEAR = linear_light(np.arange(256))
# Outlines on MediaPipe's mesh: skin that no eye, brow, lip or nostril comes into.
SKIN = (
    (103, 67, 109, 10, 338, 297, 332, 333, 299, 337, 151, 108, 69, 104),  # forehead
    (116, 117, 118, 101, 205, 187, 147, 123),  # the person's right cheek
    (345, 346, 347, 330, 425, 411, 376, 352),  # the left one
)
TEMPLES, FOREHEAD, CHIN = (234, 454), 10, 152
WIDEST_FACE = 120  # pixels between the temples that are looked at; more only costs time
# In face widths from the middle of the face, and in face heights from the forehead: beside the hair, above the shoulders.
BESIDE, ABOVE, BELOW = 0.9, -0.35, 0.75
WIDTH_OF_HEIGHT = 0.8  # a turned face looks narrow; its height tells how wide it is at least
FEWEST_PIXELS = 40
# The darkest and brightest pixels are left out by rank: light does not change who they are, and the brightest are
# where a camera is at its stop.
TRIM = (0.10, 0.70)


def light_series(
    frames: Sequence[Image], meshes: Sequence[Mesh | None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean linear light of the skin (cheeks, forehead) and of the background beside the head, (n, 3) each in [0, 1].

    The background is the same part of every frame: what the head uncovers as it moves has a colour of its own. Rows are
    NaN where there is no mesh, all of them where the head leaves too little background.

    Raises:
        ValueError: not one mesh a frame.
    """
    skin, background = np.full((len(frames), 3), np.nan), np.full((len(frames), 3), np.nan)
    outlines = [None if mesh is None else mesh[:, :2].astype(np.float64) for mesh in meshes]
    held = [points for points in outlines if points is not None]
    if len(frames) != len(meshes):
        raise ValueError("one mesh a frame is needed, or None")
    if not held:
        return skin, background
    step = max(1, int(np.median([_size(points)[0] for points in held]) // WIDEST_FACE))
    beside = _beside(held, frames[0].shape[:2])[::step, ::step]
    for row, (frame, points) in enumerate(zip(frames, outlines, strict=True)):
        if points is not None and frame.shape == frames[0].shape:
            # Plain picking of pixels: averaging grey levels before they are made linear would mix light wrongly.
            small = frame[::step, ::step]
            skin[row] = _mean_light(small[_skin(points / step, small.shape[:2])])
            background[row] = _mean_light(small[beside])
    return skin, background


def _skin(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    for outline in SKIN:
        cv2.fillPoly(mask, [points[list(outline)].round().astype(np.int32)], 1)
    return mask > 0


def _beside(held: Sequence[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """What lies beside the head in every frame."""
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    middles = [points[list(TEMPLES), 0].mean() for points in held]
    wide, high = np.median([_size(points) for points in held], axis=0)
    top, reach = np.median([points[FOREHEAD, 1] for points in held]), BESIDE * max(wide, WIDTH_OF_HEIGHT * high)
    level = (rows >= top + ABOVE * high) & (rows <= top + BELOW * high)
    return level & ((columns <= min(middles) - reach) | (columns >= max(middles) + reach))


def _size(points: NDArray[np.float64]) -> tuple[float, float]:
    """Width between the temples and height from forehead to chin, in pixels."""
    wide = np.linalg.norm(points[TEMPLES[1]] - points[TEMPLES[0]])
    return float(wide), float(np.linalg.norm(points[CHIN] - points[FOREHEAD]))


def _mean_light(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean linear light (3,) of the pixels between the ranks TRIM, each channel by itself; NaN when there are few."""
    if len(pixels) < FEWEST_PIXELS:
        return np.full(3, np.nan)
    return np.array([_trimmed(np.bincount(pixels[:, channel], minlength=256)) for channel in range(3)])


def _trimmed(counts: NDArray[np.intp]) -> float:
    """Mean linear light by counts (256,) of grey levels; a level on the edge counts in part."""
    upto = np.cumsum(counts) / counts.sum()
    share = np.diff(np.clip(upto, *TRIM), prepend=TRIM[0])
    return float(share @ LINEAR / (TRIM[1] - TRIM[0]))
