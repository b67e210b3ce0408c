"""Networks of the gates: the MiniFASNet pair for face presentation attacks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from worker.engines.sessions import SessionOptions, open_session
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, Image

SIZE = 80
BONA_FIDE = 1
# Side of the crop in face boxes, by network.
CROPS = (2.7, 4.0)


class MiniFasNetPair:
    """The two published MiniFASNets, their probabilities averaged as their authors do."""

    name = "minifasnet"

    def __init__(self, networks: tuple[Path, Path], options: SessionOptions) -> None:
        self._sessions = [open_session(path, options) for path in networks]

    def score(self, image: Image, face: DetectedFace) -> float:
        total = 0.0
        for session, sides in zip(self._sessions, CROPS, strict=True):
            crop = crop_around(image, square_around(face), sides)
            blob = cv2.dnn.blobFromImage(crop, swapRB=True)
            logits = session.run(None, {"input": blob})[0][0]
            odds = np.exp(logits - logits.max())
            total += float(odds[BONA_FIDE] / odds.sum())
        return total / len(self._sessions)


def crop_around(image: Image, box: tuple[float, float, float, float], sides: float) -> Image:
    """The surroundings of a face, ``sides`` boxes wide, pushed back inside the picture, scaled to 80x80.

    The networks were trained on crops that keep the box's proportions and never leave the picture; where the picture
    is too small the crop shrinks.
    """
    height, width = image.shape[:2]
    left, top, across, down = box
    across, down = max(across, 1.0), max(down, 1.0)
    scale = min((height - 1) / down, (width - 1) / across, sides)
    crop_width, crop_height = across * scale, down * scale
    x = min(max(left + across / 2 - crop_width / 2, 0), width - 1 - crop_width)
    y = min(max(top + down / 2 - crop_height / 2, 0), height - 1 - crop_height)
    piece = image[int(y) : int(y + crop_height) + 1, int(x) : int(x + crop_width) + 1]
    return cv2.resize(piece, (SIZE, SIZE)).astype(np.uint8, copy=False)
