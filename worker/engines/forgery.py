"""The deepfake gate for pictures: the blending network and the cues of every frame, weighed by one calibrated card.

Shiohara and Yamasaki, "Detecting deepfakes with self-blended images", CVPR 2022 (network); the cues name their sources
in ``models/deepfake/cues``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.deepfake.faces import network_input
from models.deepfake.frame import NETWORK, capture_cues, frame_cues
from models.gates import GateCard
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, GateReading, Image, Mesh

FACE_POINTS = 468  # of the mesh; what follows are the irises, which lie inside


class FaceForgeryGate:
    """Judges whether the face of a capture was blended into it or swapped."""

    def __init__(self, card: GateCard, network: Path, options: SessionOptions) -> None:
        self._card = card
        self._session = open_session(network, options)

    def judge(self, frames: Sequence[tuple[Image, DetectedFace, Mesh | None]]) -> GateReading:
        """What the gate says of one capture.

        Arguments:
            frames: 3 to 8 frames in order of time; picture (RGB), the face in it, its mesh where there is one.

        Raises:
            ValueError: there are no frames, a face does not lie in its frame, or a cue is no number.
        """
        if not frames:
            raise ValueError("the deepfake gate needs frames")
        squares = [square_around(face) for _, face, _ in frames]
        crops = [network_input(image, square) for (image, _, _), square in zip(frames, squares, strict=True)]
        logits = self._session.run(None, {"input": np.stack(crops)[:, None].astype(np.float32)})[0]
        found = []
        for (image, _, mesh), square, logit in zip(frames, squares, logits, strict=True):
            points = None if mesh is None else mesh[:FACE_POINTS, :2]
            found.append(frame_cues(image, square, points) | {NETWORK: float(logit)})
        cues = capture_cues(found)
        return GateReading.of(self._card, cues)
