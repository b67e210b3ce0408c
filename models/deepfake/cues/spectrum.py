"""The spectrum of a face: how its power falls with frequency, and what stands out of that fall.

Durall et al., "Watch your up-convolution: CNN based generative deep neural networks are failing to reproduce spectral
distributions", CVPR 2020: generators leave too much or too little power at the highest frequencies. Dzanic et al.,
"Fourier spectrum discrepancies in deep network generated images", NeurIPS 2020: the slope of the fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 128  # one square around the face wide
LOWEST = 6  # cycles a picture: below lie the features of the face itself
HIGH = 44  # from here on: the highest third


@dataclass(frozen=True, slots=True)
class FaceSpectrum:
    """Of log10 power against log10 frequency, averaged over all directions.

    Arguments:
        slope: of the straight line through it.
        tail: how far the highest third lies above the line on average; negative where detail was taken away.
        bump: the farthest that a ring stands above the rings beside it.
    """

    slope: float
    tail: float
    bump: float


def face_spectrum(picture: NDArray[np.float32]) -> FaceSpectrum:
    """Of a grey picture (SIZE, SIZE), 0 to 255."""
    rings = np.log10(azimuthal_power(picture) + 1e-6)
    frequency = np.log10(np.arange(len(rings)) + 1e-9)
    used = slice(LOWEST, len(rings))
    slope, height = np.polyfit(frequency[used], rings[used], 1)
    residual = rings[used] - (slope * frequency[used] + height)
    beside = np.convolve(rings, np.array([1, 1, 1, 0, 1, 1, 1]) / 6, mode="same")
    bump = (rings - beside)[LOWEST + 3 : len(rings) - 3].max()
    return FaceSpectrum(slope=float(slope), tail=float(residual[HIGH - LOWEST :].mean()), bump=float(bump))


def azimuthal_power(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """(SIZE // 2,) mean power of each ring of whole frequencies, under a Hann window.

    Raises:
        ValueError: the picture has another shape.
    """
    if picture.shape != (SIZE, SIZE):
        raise ValueError(f"the spectrum of a face takes ({SIZE}, {SIZE}) pixels, not {picture.shape}")
    window = np.hanning(SIZE)
    centred = (picture - picture.mean()) * window[:, None] * window[None, :]
    power = np.abs(np.fft.fftshift(np.fft.fft2(centred))) ** 2
    rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE // 2
    ring = np.round(np.hypot(rows, columns)).astype(int).ravel()
    sums = np.bincount(ring, power.ravel())[: SIZE // 2]
    return sums / np.bincount(ring)[: SIZE // 2]
