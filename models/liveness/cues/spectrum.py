"""What re-capture does to a picture's spectrum: screens and prints add regular patterns and lose fine detail.

Source of the idea: Li et al., "Live face detection based on the analysis of Fourier spectra", SPIE 2004; Garcia and
de Queiroz, "Face-spoofing 2D-detection based on Moire-pattern analysis", IEEE TIFS 2015.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 128
MIDDLE_BAND = (0.15, 0.45)  # cycles a pixel, where a screen's grid shows


@dataclass(frozen=True, slots=True)
class SpectrumCues:
    """``fine_detail``: share of energy above a quarter of the sampling rate. ``regularity``: the strongest line in the
    middle band over that band's typical strength, in natural logarithms."""

    fine_detail: float
    regularity: float


def spectrum_cues(face: NDArray[np.float32]) -> SpectrumCues:
    """Cues of a grey face (SIZE, SIZE), 0 to 255."""
    window = np.hanning(SIZE)
    flat = (face - face.mean()) * window[:, None] * window[None, :]
    power = np.abs(np.fft.rfft2(flat)) ** 2
    radius = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None, :])
    whole = power[radius > 0.01].sum() + 1e-9
    band = power[(radius > MIDDLE_BAND[0]) & (radius < MIDDLE_BAND[1])]
    return SpectrumCues(
        fine_detail=float(power[radius > 0.25].sum() / whole),
        regularity=float(np.log((band.max() + 1e-9) / (np.median(band) + 1e-9))),
    )
