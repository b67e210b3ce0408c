"""What colours are left: ink and screens show fewer than skin does, with raised black and a cast of their own.

Source: Wen, Han and Jain, "Face spoof detection with image distortion analysis", IEEE TIFS 2015 (chromatic moments and
colour diversity).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 32  # a channel, when colours are counted


@dataclass(frozen=True, slots=True)
class GamutCues:
    """Arguments:
    black, white: 1st and 99th percentile of brightness, in shares of full white.
    contrast: standard deviation of brightness, likewise.
    saturation, saturation_spread: mean and standard deviation, in [0, 1].
    blue, red: mean of Cb and Cr about grey, in shares of full scale.
    chroma_spread: standard deviation of Cb and Cr together, in shares of full scale.
    colours: natural logarithm of the number of colours that hold 90 % of the face.
    """

    black: float
    white: float
    contrast: float
    saturation: float
    saturation_spread: float
    blue: float
    red: float
    chroma_spread: float
    colours: float


def gamut_cues(face: NDArray[np.uint8]) -> GamutCues:
    """Cues of a face (height, width, 3), RGB."""
    luma, red, blue = cv2.split(cv2.cvtColor(face, cv2.COLOR_RGB2YCrCb))
    saturation = cv2.cvtColor(face, cv2.COLOR_RGB2HSV)[:, :, 1] / 255.0
    black, white = np.percentile(luma, (1, 99)) / 255
    return GamutCues(
        black=float(black),
        white=float(white),
        contrast=float(luma.std() / 255),
        saturation=float(saturation.mean()),
        saturation_spread=float(saturation.std()),
        blue=float(blue.mean() / 255 - 0.5),
        red=float(red.mean() / 255 - 0.5),
        chroma_spread=float(np.hypot(red.std(), blue.std()) / 255),
        colours=_colours(face),
    )


def _colours(face: NDArray[np.uint8]) -> float:
    coarse = (face // (256 // LEVELS)).astype(np.int64)
    keys = (coarse[:, :, 0] * LEVELS + coarse[:, :, 1]) * LEVELS + coarse[:, :, 2]
    counts = np.sort(np.bincount(keys.ravel()))[::-1]
    return float(np.log(np.searchsorted(np.cumsum(counts), 0.9 * counts.sum()) + 1))
