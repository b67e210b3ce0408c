"""Whether a face belongs to its picture: noise and sharpness inside the face against its surroundings, and the
regular traces that up-sampling networks leave.

Source of the ideas: Durall et al., "Unmasking DeepFakes with simple features", 2020 (spectrum); Li and Lyu, "Exposing
DeepFake videos by detecting face warping artifacts", CVPRW 2019 (resolution of the face against its surroundings).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256  # face and surroundings, two face boxes wide
INNER = slice(SIZE // 4, 3 * SIZE // 4)


@dataclass(frozen=True, slots=True)
class ConsistencyCues:
    """``noise_ratio``: log of the noise level in the face over that around it. ``sharpness_ratio``: the same for fine
    detail. ``grid``: log of the strongest line at the frequencies of two- and fourfold up-sampling over their
    neighbours."""

    noise_ratio: float
    sharpness_ratio: float
    grid: float


def consistency_cues(picture: NDArray[np.float32]) -> ConsistencyCues:
    """Cues of a grey picture (SIZE, SIZE), 0 to 255, with the face in its middle half."""
    inside = np.zeros((SIZE, SIZE), bool)
    inside[INNER, INNER] = True
    residual = np.abs(picture - cv2.medianBlur(picture.astype(np.uint8), 3).astype(np.float32))
    detail = np.abs(cv2.Laplacian(picture, cv2.CV_32F))
    return ConsistencyCues(
        noise_ratio=_log_ratio(residual, inside),
        sharpness_ratio=_log_ratio(detail, inside),
        grid=_grid(picture[INNER, INNER]),
    )


def _log_ratio(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    return float(np.log((values[inside].mean() + 0.1) / (values[~inside].mean() + 0.1)))


def _grid(face: NDArray[np.float32]) -> float:
    side = len(face)
    window = np.hanning(side)
    power = np.abs(np.fft.fft2((face - face.mean()) * window[:, None] * window[None, :])) ** 2
    strongest = 0.0
    for step in (side // 4, side // 2):
        for row, column in ((step, 0), (0, step), (step, step)):
            around = power[max(0, row - 6) : row + 7, max(0, column - 6) : column + 7]
            strongest = max(strongest, float(np.log((power[row, column] + 1e-9) / (np.median(around) + 1e-9))))
    return strongest
