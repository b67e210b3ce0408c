"""How a face's energy falls off with frequency: a second exposure loses fine detail, and colour before brightness.

Source: Li, Wang, Tan and Jain, "Live face detection based on the analysis of Fourier spectra", SPIE 2004; the bands of
the radial profile as in Durall, Keuper and Keuper, "Watch your up-convolution", CVPR 2020.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Cycles a pixel; the lowest is shape and light, the highest mostly sensor noise and compression.
BANDS = ((0.02, 0.06), (0.06, 0.12), (0.12, 0.22), (0.22, 0.34), (0.34, 0.50))
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class RadialCues:
    """Natural logarithms of mean power in a band over that in the band below it, and of colour over brightness.

    Arguments:
        first_step ... last_step: how much power is left from one of ``BANDS`` to the next.
        chroma_coarse, chroma_fine: power of Cb and Cr over that of Y, in the second and in the fourth band.
    """

    first_step: float
    second_step: float
    third_step: float
    last_step: float
    chroma_coarse: float
    chroma_fine: float


def radial_cues(face: NDArray[np.uint8]) -> RadialCues:
    """Cues of a face (height, width, 3), RGB, in the pixels of the camera."""
    planes = cv2.cvtColor(face, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    bright, *chroma = (_band_powers(planes[:, :, index]) for index in range(3))
    steps = np.diff(np.log(bright + TINY))
    over = np.log(np.mean(chroma, axis=0) + TINY) - np.log(bright + TINY)
    first, second, third, last = (float(step) for step in steps)
    return RadialCues(first, second, third, last, chroma_coarse=float(over[1]), chroma_fine=float(over[3]))


def _band_powers(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """(bands,) mean power; a window keeps the picture's edges out of it."""
    height, width = plane.shape
    window = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2 / (height * width)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    which = np.digitize(radius.ravel(), [BANDS[0][0], *(high for _, high in BANDS)])
    counts = np.bincount(which, minlength=len(BANDS) + 2)[1 : len(BANDS) + 1]
    sums = np.bincount(which, power.ravel(), minlength=len(BANDS) + 2)[1 : len(BANDS) + 1]
    return sums / np.maximum(counts, 1)
