"""The two face gates: what pictures of a face show of paper and screens, and whether the face is flat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.gates import GateCard
from models.liveness.cues.flatness import flatness_cues
from models.liveness.cues.picture import picture_cues
from worker.engines.crops import native_square
from worker.engines.types import DetectedFace, GateReading, Image, LivenessNetwork, Mesh

NETWORK = "network"
MOST_CERTAIN = 1e-4  # a network's probability is taken no nearer to 0 or 1
SURELY_FLAT = -1.0  # log-likelihood ratio; a face is called flat below it, and deep at the card's threshold only


class PictureGate:
    """Paper and screens by cues of single pictures, with the network's word where it is at hand."""

    def __init__(self, card: GateCard, network: LivenessNetwork | None) -> None:
        """Raises ValueError when the card weighs a network and none is at hand."""
        if network is None and any(cue.name == NETWORK for cue in card.cues):
            raise ValueError(f"gate {card.name} was calibrated with a network, which is not at hand")
        self._card = card
        self._network = network

    def judge(self, frames: Sequence[tuple[Image, DetectedFace]]) -> GateReading:
        """The reading of a few frames of one capture, RGB: each cue is the median over them.

        Raises:
            ValueError: there are no frames, or a face is too small to be measured; that is no pass.
        """
        if not frames:
            raise ValueError("no frames to judge")
        found = [frame_cues(image, face, self._network) for image, face in frames]
        cues = {name: float(np.median([one[name] for one in found])) for name in found[0]}
        return GateReading.of(self._card, cues)


class FlatnessGate:
    """Whether a face that moves has depth."""

    def __init__(self, card: GateCard) -> None:
        self._card = card

    def judge(self, meshes: Sequence[Mesh | None], times: NDArray[np.float64]) -> GateReading | None:
        """The reading of a capture's meshes at ``times`` (n,) seconds, None where the movement does not tell.

        None is no pass: the face turned too little, or what it left lies between flat and deep.

        Raises:
            ValueError: a time and a mesh do not belong together, or a value is no number; that is no pass.
        """
        cues = flatness_cues(meshes, times)
        if cues is None:
            return None
        values = cues.values()
        llr = self._card.llr(values)
        if SURELY_FLAT <= llr < self._card.threshold:
            return None
        return GateReading.of(self._card, values)


def frame_cues(image: Image, face: DetectedFace, network: LivenessNetwork | None) -> dict[str, float]:
    """All cues of one frame.

    Raises:
        ValueError: the face is too small.
    """
    cues = picture_cues(native_square(image, face))
    if network is not None:
        probability = min(max(network.score(image, face), MOST_CERTAIN), 1 - MOST_CERTAIN)
        cues[NETWORK] = float(np.log(probability / (1 - probability)))
    return cues
