"""Highlights: skin shines in small spots, paper evenly or not at all, a screen in broad reflections.

Source: Wen, Han and Jain, "Face spoof detection with image distortion analysis", IEEE TIFS 2015; the highlight part as
in Tan and Ikeuchi, "Separating reflection components of textured surfaces", IEEE TPAMI 2005, reduced to the smallest
colour component, which light of no colour raises.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DEVIATIONS = 1.5  # above the mean of the smallest component: a highlight
BURNT = 250


@dataclass(frozen=True, slots=True)
class SpecularCues:
    """``share`` of the face in highlights, ``strength``: their mean over the face's, in shares of full white,
    ``spread``: how far their spots lie apart, in shares of the side, ``burnt``: share at full white."""

    share: float
    strength: float
    spread: float
    burnt: float


def specular_cues(face: NDArray[np.uint8]) -> SpecularCues:
    """Cues of a face (height, width, 3), RGB."""
    smooth = cv2.GaussianBlur(face, (0, 0), 1.0)
    least = smooth.min(2).astype(np.float32) / 255
    bright = least > least.mean() + DEVIATIONS * max(float(least.std()), 1 / 255)
    if not bright.any():
        return SpecularCues(0.0, 0.0, 0.0, 0.0)
    rows, columns = np.nonzero(bright)
    return SpecularCues(
        share=float(bright.mean()),
        strength=float(least[bright].mean() - least.mean()),
        spread=float(np.hypot(rows.std() / face.shape[0], columns.std() / face.shape[1])),
        burnt=float(np.mean(smooth.min(2) >= BURNT)),
    )
