"""Every cue of one frame but the network's, by name, and the cues of a capture made of its frames'.

One way to compute them for training, measuring and the running gate: two would drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.deepfake.crops import Image, Points, Square, brightness, face_crop, widened
from models.deepfake.cues.border import border_cues
from models.deepfake.cues.consistency import SIZE as CONSISTENCY_SIZE
from models.deepfake.cues.consistency import consistency_cues
from models.deepfake.cues.flicker import flicker
from models.deepfake.cues.spectrum import SIZE as SPECTRUM_SIZE
from models.deepfake.cues.spectrum import face_spectrum

CONSISTENCY_SIDES = 2.0
NETWORK = "network"
# What the gate is calibrated on; the flicker is told beside it, see ``capture_cues``.
CUES = (
    NETWORK,
    "spectrum_slope",
    "spectrum_tail",
    "spectrum_bump",
    "noise_ratio",
    "sharpness_ratio",
    "grid",
    "border_edges",
    "border_detail",
)
FLICKERS = {NETWORK: "network_flicker", "noise_ratio": "noise_flicker", "brightness_ratio": "brightness_flicker"}


def frame_cues(image: Image, square: Square, points: Points | None) -> dict[str, float]:
    """Cues of one frame, RGB or brightness; the network's is added by who runs it.

    Arguments:
        square: around the face, in pixels of the frame.
        points: (n, 2) landmarks; None takes an ellipse in the square instead.

    Raises:
        ValueError: the face does not lie in the frame, or a cue is no number.
    """
    near = brightness(face_crop(image, square, sides=1.0, size=SPECTRUM_SIZE)).astype(np.float32)
    wide = brightness(face_crop(image, square, sides=CONSISTENCY_SIDES, size=CONSISTENCY_SIZE)).astype(np.float32)
    spectrum, consistency = face_spectrum(near), consistency_cues(wide)
    border = border_cues(wide, _within(square, points))
    inner = slice(CONSISTENCY_SIZE // 4, 3 * CONSISTENCY_SIZE // 4)
    cues = {
        "spectrum_slope": spectrum.slope,
        "spectrum_tail": spectrum.tail,
        "spectrum_bump": spectrum.bump,
        "noise_ratio": consistency.noise_ratio,
        "sharpness_ratio": consistency.sharpness_ratio,
        "grid": consistency.grid,
        "border_edges": border.edges,
        "border_detail": border.detail,
        "brightness_ratio": float(np.log((wide[inner, inner].mean() + 1) / (wide.mean() + 1))),
    }
    if not np.isfinite(list(cues.values())).all():
        raise ValueError("a cue of this frame is no number")
    return cues


def capture_cues(frames: Sequence[dict[str, float]]) -> dict[str, float]:
    """The cues of a capture from those of its frames in order of time: the median of each, and how they flicker.

    The flicker is no cue of the shipped gate: it was measured on too few moving pictures to be weighed.

    Raises:
        ValueError: there are no frames.
    """
    if not frames:
        raise ValueError("a capture needs a frame")
    found = {name: float(np.median([frame[name] for frame in frames])) for name in CUES}
    return found | {called: flicker([frame[name] for frame in frames]) for name, called in FLICKERS.items()}


def ellipse(square: Square, count: int = 64) -> Points:
    """(count, 2) points about where the hull of a face's landmarks lies in the square around it."""
    left, top, across, down = square
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    x = left + across * (0.5 + 0.42 * np.cos(angle))
    y = top + down * (0.5 + 0.52 * np.sin(angle))
    return np.stack([x, y], axis=1).astype(np.float32)


def _within(square: Square, points: Points | None) -> Points:
    """Landmarks in pixels of the wide crop."""
    left, top, across, _ = widened(square, CONSISTENCY_SIDES)
    found = ellipse(square) if points is None else points[:, :2]
    return ((found - np.array([left, top])) * (CONSISTENCY_SIZE / across)).astype(np.float32)
