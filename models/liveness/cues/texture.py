"""Colour texture: paper and screens change the small structure of colour more than that of brightness.

Source: Boulkenafet, Komulainen and Hadid, "Face anti-spoofing based on color texture analysis", ICIP 2015, and "Face
spoofing detection using colour texture analysis", IEEE TIFS 2016 (YCbCr and HSV, faces of 64 pixels). Their uniform
patterns are taken rotation-invariant (Ojala, Pietikainen and Maenpaa, IEEE TPAMI 2002), ten shares a channel for 59.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 64
CHANNELS = ("y", "cb", "cr", "hue", "saturation")
STEPS = (1, 2)  # pixels between a pixel and its neighbours
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
BINS = 10  # 0 to 8 neighbours at least as bright, in one run; and everything else


def texture_cues(face: NDArray[np.uint8]) -> dict[str, float]:
    """Share of each pattern, by ``<channel>_<step>_<bin>``, of a face (SIZE, SIZE, 3), RGB."""
    luma, red, blue = cv2.split(cv2.cvtColor(face, cv2.COLOR_RGB2YCrCb))
    hue, saturation, _ = cv2.split(cv2.cvtColor(face, cv2.COLOR_RGB2HSV))
    cues: dict[str, float] = {}
    for channel, plane in zip(CHANNELS, (luma, blue, red, hue, saturation), strict=True):
        for step in STEPS:
            shares = pattern_shares(np.asarray(plane, np.uint8), step)
            cues |= {f"{channel}_{step}_{index}": float(share) for index, share in enumerate(shares)}
    return cues


def pattern_shares(plane: NDArray[np.uint8], step: int = 1) -> NDArray[np.float64]:
    """(BINS,) rotation-invariant uniform local binary patterns of a plane, as shares; neighbours ``step`` away."""
    height, width = plane.shape
    middle = plane[step : height - step, step : width - step]
    code = np.zeros(middle.shape, np.uint8)
    for bit, (down, right) in enumerate(NEIGHBOURS):
        top, left = step * (1 + down), step * (1 + right)
        beside = plane[top : top + middle.shape[0], left : left + middle.shape[1]]
        code |= (beside >= middle).astype(np.uint8) << np.uint8(bit)
    return np.bincount(_RUN_OF[code].ravel(), minlength=BINS) / code.size


def _runs() -> NDArray[np.int64]:
    """(256,) bin of each pattern."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = np.abs(bits - np.roll(bits, 1, axis=1)).sum(1)
    return np.where(changes <= 2, bits.sum(1), BINS - 1)


_RUN_OF = _runs()
