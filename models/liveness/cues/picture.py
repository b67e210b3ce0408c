"""All cues of one picture of a face, by name, as the picture gates weigh them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import cv2
import numpy as np
from numpy.typing import NDArray

from models.liveness.cues.gamut import gamut_cues
from models.liveness.cues.moire import moire_cues
from models.liveness.cues.radial import radial_cues
from models.liveness.cues.spectrum import SIZE, spectrum_cues
from models.liveness.cues.specularity import specular_cues
from models.liveness.cues.texture import SIZE as TEXTURE_SIZE
from models.liveness.cues.texture import texture_cues

SMALLEST = 48  # pixels; a smaller face holds no texture to speak of

# The groups that an ablation takes one by one.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "spectrum": ("spectrum_",),
    "radial": ("radial_",),
    "moire": ("moire_",),
    "texture": ("texture_",),
    "specularity": ("specular_",),
    "gamut": ("gamut_",),
}


def picture_cues(native: NDArray[np.uint8]) -> dict[str, float]:
    """Cues of the square around a face (side, side, 3), RGB, in the pixels of the camera.

    Texture, highlights and colours are taken at a fixed size, so that they do not depend on the distance.

    Raises:
        ValueError: the square is smaller than ``SMALLEST``, or no square.
    """
    if native.ndim != 3 or native.shape[0] != native.shape[1] or native.shape[0] < SMALLEST:
        raise ValueError(f"a square of at least {SMALLEST} pixels is needed")
    face = _at(native, SIZE)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spectrum = spectrum_cues(grey)
    cues = {
        "spectrum_fine_detail": float(np.log(spectrum.fine_detail + 1e-7)),
        "spectrum_regularity": spectrum.regularity,
    }
    cues |= {f"radial_{name}": value for name, value in asdict(radial_cues(native)).items()}
    cues |= {f"moire_{name}": value for name, value in asdict(moire_cues(native)).items()}
    cues |= {f"texture_{name}": value for name, value in texture_cues(_at(native, TEXTURE_SIZE)).items()}
    cues |= {f"specular_{name}": value for name, value in asdict(specular_cues(face)).items()}
    return cues | {f"gamut_{name}": value for name, value in asdict(gamut_cues(face)).items()}


def _at(native: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if native.shape[0] > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(native, (size, size), interpolation=how), np.uint8)
