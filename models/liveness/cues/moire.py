"""Moire: the grid of a screen or of a print's dots, seen through the camera's own grid, leaves lone spectral peaks.

Source: Garcia and de Queiroz, "Face-spoofing 2D-detection based on Moire-pattern analysis", IEEE TIFS 2015; Patel, Han,
Jain and Ott, "Live face video vs. spoof face video: use of moire patterns", ICB 2015 (colour shows it best).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

NEAREST = 0.08  # cycles a pixel; a face's own shapes lie below
BLOCK = 8  # pixels of a JPEG's block, whose edges leave peaks of their own on the axes
BESIDE = 1.5  # bins about such a peak
AROUND = 9  # bins; a peak is measured against the median of so many by so many
PEAK = 3.0  # natural logarithms above its surroundings: noise alone gets there once in some thousand bins


@dataclass(frozen=True, slots=True)
class MoireCues:
    """``peak``, ``colour_peak``: the highest peak over its surroundings, natural logarithms, in brightness and in
    colour. ``peaks``, ``colour_peaks``: share of bins above ``PEAK``, per thousand."""

    peak: float
    colour_peak: float
    peaks: float
    colour_peaks: float


def moire_cues(face: NDArray[np.uint8]) -> MoireCues:
    """Cues of a face (height, width, 3), RGB, in the pixels of the camera: scaling it would move or wipe out a grid."""
    planes = cv2.cvtColor(face, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    bright, red, blue = (_above_surroundings(planes[:, :, index]) for index in range(3))
    colour = np.maximum(red, blue)
    return MoireCues(
        peak=float(bright.max()),
        colour_peak=float(colour.max()),
        peaks=float(1000 * np.mean(bright > PEAK)),
        colour_peaks=float(1000 * np.mean(colour > PEAK)),
    )


def _above_surroundings(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """(bins,) of the spectrum outside the middle, off the axes, and where JPEG leaves none: log power over the median
    around."""
    height, width = plane.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    power = np.abs(np.fft.fftshift(np.fft.rfft2((plane - plane.mean()) * window), axes=0)) ** 2
    logs = np.log(power + 1.0).astype(np.float32)
    scaled = np.clip(logs * 8, 0, 255).astype(np.uint8)  # OpenCV's wide median takes bytes; an eighth is fine enough
    above = logs - cv2.medianBlur(scaled, AROUND).astype(np.float32) / 8
    rows = np.fft.fftshift(np.fft.fftfreq(height))[:, None]
    columns = np.fft.rfftfreq(width)[None, :]
    far = np.hypot(rows, columns) > NEAREST
    off_axis = (np.abs(rows) * height > 0.5) & (columns * width > 0.5)
    beside_axis = (np.abs(rows) * height < BESIDE) | (columns * width < BESIDE)
    of_blocks = beside_axis & _near_harmonic(rows, height) & _near_harmonic(columns, width)
    return above[far & off_axis & ~of_blocks]


def _near_harmonic(frequency: NDArray[np.floating], size: int) -> NDArray[np.bool_]:
    """Whether a frequency is a multiple of the block's, within ``BESIDE`` bins."""
    return np.abs(frequency - np.round(frequency * BLOCK) / BLOCK) * size < BESIDE
