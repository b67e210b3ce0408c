"""Fusion models at hand: their files, what they were trained for, and how their scores are calibrated.

A fusion is made for one face model and one voice model, known by hash: with any other it does not load. It lies in
``<state>/fusion/<pack>/<method>`` where an operator has trained it, or in ``models/weights/fusion/<pack>/<method>``
where it comes with COSMIC. Standard library only.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from models.errors import ModelMissing, WrongHash
from models.evaluation.record import CalibrationRecord
from models.registry import HERE, Places, sha256_of

SHIPPED = HERE / "weights" / "fusion"
CARD = "card.json"


class FusionMethod(StrEnum):
    MIMOP = "mimop"
    COSMIC = "cosmic"
    LOGISTIC = "logistic"  # B4: logistic regression on both cosines, trained on pairs of people
    LLR_SUM = "llr_sum"  # the sum of each modality's calibrated ratio: needs no training, so every pack has it


class Compared(StrEnum):
    """What both sides of a comparison show; each has a graph, or weights, and a calibration of its own."""

    FUSED = "fused"
    FACE = "face"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class FusionCard:
    """What is known of a trained fusion.

    Arguments:
        files: SHA-256 by file name; nothing else in the folder is ever opened. Empty for logistic.
        weights: (offset, weight of the face's cosine, weight of the voice's) by what is compared; logistic only.
        calibrations: the fusion's raw score to a log-likelihood ratio.
        trained: how: data, people, folds, revision, figures; plain values for people to read.
    """

    method: FusionMethod
    pack: str
    face_sha256: str
    voice_sha256: str
    files: dict[str, str]
    weights: dict[Compared, tuple[float, float, float]]
    calibrations: dict[Compared, CalibrationRecord]
    trained: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "calibrations": {kind: one.to_json() for kind, one in self.calibrations.items()}}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FusionCard:
        """Read what ``to_json`` gave.

        Raises:
            ValueError: the values are no such card.
        """
        try:
            return cls(
                method=FusionMethod(values["method"]),
                pack=values["pack"],
                face_sha256=values["face_sha256"],
                voice_sha256=values["voice_sha256"],
                files=dict(values["files"]),
                weights={Compared(kind): tuple(map(float, one)) for kind, one in values["weights"].items()},  # type: ignore[misc]
                calibrations={
                    Compared(kind): CalibrationRecord.from_json(one) for kind, one in values["calibrations"].items()
                },
                trained=values["trained"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no fusion card: {error}") from error


def locate_fusion(
    pack: str, method: FusionMethod, places: Places, *, face_sha256: str, voice_sha256: str
) -> tuple[Path, FusionCard]:
    """The folder of a trained fusion and its card, its files checked: the operator's own before the one that ships.

    Raises:
        ModelMissing: there is none for this pack, or it was made for other models.
        WrongHash: a file is not what the card says.
    """
    name = f"{method} fusion of pack {pack}"
    for folder in (places.state_dir / "fusion" / pack / method, SHIPPED / pack / method):
        if not (folder / CARD).is_file():
            continue
        try:
            card = FusionCard.from_json(json.loads((folder / CARD).read_text()))
        except ValueError as error:
            raise ModelMissing(name, f"its card cannot be read ({error})") from error
        if (card.face_sha256, card.voice_sha256) != (face_sha256, voice_sha256):
            raise ModelMissing(name, "it was trained for other weights of the face or voice model; train it anew")
        for file, expected in card.files.items():
            found = sha256_of(folder / file) if (folder / file).is_file() else "nothing"
            if found != expected:
                raise WrongHash(folder / file, expected=expected, found=found)
        return folder, card
    raise ModelMissing(name, "never trained; see docs/research.md, or set COSMIC_FUSION=auto")
