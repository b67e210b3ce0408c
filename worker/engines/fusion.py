"""Fusion: one probe against references, in whatever both sides show, as calibrated log-likelihood ratios.

MIMOP-FAME-CEBS and COSMIC run as ONNX graphs, one for face and voice, one for each alone. Logistic fusion and the sum
of calibrated ratios need no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.fusion import Compared, FusionCard, FusionMethod
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import Calibration, Vector

FACE, VOICE = "face", "voice"
TOTAL = 1.0 - 1e-9  # conflict from which on the opinions contradict each other in everything


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a fusion with evidence says beside its ratio: belief in genuine, disbelief, and uncertainty, which sum to 1."""

    belief: float
    disbelief: float
    uncertainty: float
    conflict: float

    @property
    def contradicts_itself(self) -> bool:
        return not self.conflict < TOTAL


@dataclass(frozen=True, slots=True)
class Fused:
    """One comparison: natural-log likelihood ratio, whose calibration it is, and the opinion where there is one."""

    llr: float
    calibration: str
    opinion: Opinion | None = None


class FusionEngine(Protocol):
    method: FusionMethod

    def compare(
        self, probe: Mapping[str, Vector], quality: Mapping[str, float], references: Mapping[str, NDArray[np.float32]]
    ) -> list[Fused]:
        """A probe against n references in the modalities of ``references``, which the probe has too.

        Arguments:
            probe: (width,) by modality. quality: of the probe's samples in [0, 1]. references: (n, width) by modality.

        Raises:
            ValueError: a score is no number, which must match nobody.
        """


def compared_of(modalities: Mapping[str, object]) -> Compared:
    """Which graph: fused where both modalities are there.

    Raises:
        ValueError: neither is there.
    """
    there = (FACE in modalities, VOICE in modalities)
    if not any(there):
        raise ValueError("nothing to compare")
    return Compared.FUSED if all(there) else Compared.FACE if there[0] else Compared.VOICE


class MimopFusion:
    """MIMOP-FAME-CEBS: Dirichlet opinions on the comparison, combined by the reduced Dempster-Shafer rule."""

    method = FusionMethod.MIMOP

    def __init__(self, folder: Path, card: FusionCard, options: SessionOptions) -> None:
        self._sessions = {kind: open_session(folder / f"{kind}.onnx", options) for kind in Compared}
        self._card = card

    def compare(
        self, probe: Mapping[str, Vector], quality: Mapping[str, float], references: Mapping[str, NDArray[np.float32]]
    ) -> list[Fused]:
        kind = compared_of(references)
        prefixes = {FACE: "face_", VOICE: "voice_"} if kind is Compared.FUSED else {kind.value: ""}
        feeds = {}
        for modality, prefix in prefixes.items():
            feeds[f"{prefix}probe"] = probe[modality][None].astype(np.float32, copy=False)
            feeds[f"{prefix}reference"] = references[modality].astype(np.float32, copy=False)
        feeds["quality"] = np.array([[quality[modality] for modality in prefixes]], np.float32)
        outputs = self._sessions[kind].run(["belief", "disbelief", "uncertainty", "conflict", "log_odds"], feeds)
        calibration = self._card.calibrations[kind]
        return [
            Fused(calibration.score_map.llr(log_odds), calibration.name, Opinion(*opinion))
            for *opinion, log_odds in zip(*(output.tolist() for output in outputs), strict=True)
        ]


class CosmicFusion:
    """COSMIC: probe and references become identities on one sphere, and are compared there by cosine."""

    method = FusionMethod.COSMIC

    def __init__(self, folder: Path, card: FusionCard, options: SessionOptions) -> None:
        self._sessions = {kind: open_session(folder / f"{kind}.onnx", options) for kind in Compared}
        self._card = card

    def compare(
        self, probe: Mapping[str, Vector], quality: Mapping[str, float], references: Mapping[str, NDArray[np.float32]]
    ) -> list[Fused]:
        kind = compared_of(references)
        modalities = (FACE, VOICE) if kind is Compared.FUSED else (kind.value,)
        count = len(references[modalities[0]])
        # One call for all: the probe in the first row. References are means of accepted samples, and count as good ones.
        feeds = {
            modality: np.concatenate([probe[modality][None], references[modality]]).astype(np.float32)
            for modality in modalities
        }
        feeds["quality"] = np.ones((count + 1, len(modalities)), np.float32)
        feeds["quality"][0] = [quality[modality] for modality in modalities]
        (identities,) = self._sessions[kind].run(["identity"], feeds)
        calibration = self._card.calibrations[kind]
        return [
            Fused(calibration.score_map.llr(float(cosine)), calibration.name)
            for cosine in identities[1:] @ identities[0]
        ]


class LogisticFusion:
    """B4: logistic regression on both cosines."""

    method = FusionMethod.LOGISTIC

    def __init__(self, card: FusionCard) -> None:
        self._card = card

    def compare(
        self, probe: Mapping[str, Vector], quality: Mapping[str, float], references: Mapping[str, NDArray[np.float32]]
    ) -> list[Fused]:
        kind = compared_of(references)
        offset, *weights = self._card.weights[kind]
        score = np.full(len(next(iter(references.values()))), offset)
        for weight, modality in zip(weights, (FACE, VOICE), strict=True):
            if modality in references:
                score = score + weight * (references[modality] @ probe[modality]).astype(np.float64)
        calibration = self._card.calibrations[kind]
        return [Fused(calibration.score_map.llr(one), calibration.name) for one in score.tolist()]


class LlrSum:
    """The sum of each modality's calibrated ratio: face and voice taken to err independently given the person."""

    method = FusionMethod.LLR_SUM

    def __init__(self, calibrations: Mapping[str, Calibration]) -> None:
        self._calibrations = calibrations

    def compare(
        self, probe: Mapping[str, Vector], quality: Mapping[str, float], references: Mapping[str, NDArray[np.float32]]
    ) -> list[Fused]:
        name = " + ".join(self._calibrations[modality].name for modality in references)
        columns = [
            [self._calibrations[modality].llr(float(cosine)) for cosine in vectors @ probe[modality]]
            for modality, vectors in references.items()
        ]
        return [Fused(sum(llrs), name) for llrs in zip(*columns, strict=True)]


def build_fusion(folder: Path, card: FusionCard, options: SessionOptions) -> FusionEngine:
    """The engine of a trained fusion."""
    if card.method is FusionMethod.MIMOP:
        return MimopFusion(folder, card, options)
    if card.method is FusionMethod.COSMIC:
        return CosmicFusion(folder, card, options)
    return LogisticFusion(card)
