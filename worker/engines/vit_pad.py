"""The optional vision transformer of the face gate (Dosovitskiy et al., ICLR 2021; pre-trained by Caron et al., ICCV
2021), as ``models.liveness.export_vit`` writes it: scaling of pixels is inside the graph, size and crop in its notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.liveness.dino_crops import SIDES, resized
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, GateReading, Image

KIND = "cosmic-vit-pad"


class VitPad:
    """A gate of its own; the threshold stands in the file."""

    name = "vit_dino"

    def __init__(self, path: Path, options: SessionOptions) -> None:
        """Raises ValueError when the file is no network that ``models.liveness.export_vit`` wrote."""
        self._session = open_session(path, options)
        notes = self._session.get_modelmeta().custom_metadata_map
        if notes.get("kind") != KIND:
            raise ValueError(f"{path} is no face gate's vision transformer; export one by models.liveness.export_vit")
        self._size, self._sides = int(notes["size"]), float(notes["sides"])
        self.threshold = float(notes["threshold"])

    def judge(self, frames: Sequence[tuple[Image, DetectedFace]]) -> GateReading:
        """The gate on a few frames of a capture: the median of their ratios.

        Raises:
            ValueError: there are no frames, or as ``logit``.
        """
        if not frames:
            raise ValueError("no frames to judge")
        logits = [self.logit(image, face) for image, face in frames]
        return GateReading(self.name, float(np.median(logits)), self.threshold, {"logit": float(np.median(logits))})

    def logit(self, image: Image, face: DetectedFace) -> float:
        """Natural-log likelihood ratio that the face is bona fide.

        Raises:
            ValueError: there is no face to crop, or the network gives no number: neither may pass.
        """
        crop = face_crop(image, face, sides=self._sides, size=self._size)
        pixels = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32)
        logit = float(self._session.run(["logit"], {"input": pixels})[0][0])
        if not np.isfinite(logit):
            raise ValueError("the vision transformer gave no number for this face")
        return logit


def face_crop(image: Image, face: DetectedFace, *, sides: float = SIDES, size: int) -> Image:
    """(size, size, 3): ``sides`` face squares around a face, pushed back inside the picture, shrunk where it is too small.

    Nothing is padded: an invented border would tell close faces from far ones. Training crops come from here too.

    Raises:
        ValueError: the picture is no RGB picture of bytes, or the face does not lie in it.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError("a picture of bytes, (height, width, 3), is needed")
    if not np.isfinite(face.points).all():
        raise ValueError("the face's points are no numbers")
    height, width = image.shape[:2]
    left, top, side, _ = square_around(face)
    x, y = left + side / 2, top + side / 2
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError("the face does not lie in the picture")
    whole = min(max(round(side * sides), 1), height, width)
    first_column = min(max(round(x - whole / 2), 0), width - whole)
    first_row = min(max(round(y - whole / 2), 0), height - whole)
    return resized(image[first_row : first_row + whole, first_column : first_column + whole], size)
