"""Calibrated gates at hand: which cues they look at, how those are weighed, and from which ratio on they refuse.

A gate is a logistic regression over named cues, fitted with equal priors, so that what it says is a log-likelihood
ratio of bona fide against attack (ISO/IEC 30107-3; Brummer and du Preez, "Application-independent evaluation of
speaker detection", 2006). It lies as ``<state>/gates/<name>.json`` where an operator has calibrated it, or as
``models/weights/gates/<name>.json`` where it comes with COSMIC. Standard library only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelMissing
from models.registry import HERE, Places

SHIPPED = HERE / "weights" / "gates"
MOST_DEVIATIONS = 6.0  # a cue far outside what was seen in training weighs no more than one at this edge


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue of a gate: standardised by ``centre`` and ``scale``, then weighed."""

    name: str
    centre: float
    scale: float
    weight: float


@dataclass(frozen=True, slots=True)
class GateCard:
    """What is known of a calibrated gate.

    Arguments:
        name: of the gate, for instance ``voice_spoof``.
        cues, offset: the ratio is offset + sum of weight * (value - centre) / scale.
        threshold: a ratio below it refuses; fixed on training data at ``bpcer_set``.
        bpcer_set: the share of bona fide presentations of the training data that the threshold refuses.
        data, made_at, command: what it was made from, when, and how.
        measured: figures on people who were not trained on; plain values for people to read.
    """

    name: str
    cues: tuple[Cue, ...]
    offset: float
    threshold: float
    bpcer_set: float
    data: tuple[str, ...]
    made_at: str
    command: str
    measured: dict[str, Any] = field(default_factory=dict)

    def llr(self, values: Mapping[str, float]) -> float:
        """Natural-log likelihood ratio, positive for bona fide.

        Raises:
            ValueError: a cue is missing or no number; what could not be measured must not pass.
        """
        return self.offset + sum(self.shares(values).values())

    def shares(self, values: Mapping[str, float]) -> dict[str, float]:
        """What each cue adds to the ratio, for people who want to know why.

        Raises:
            ValueError: as ``llr``.
        """
        found = {}
        for cue in self.cues:
            value = values.get(cue.name)
            if value is None or not math.isfinite(value):
                raise ValueError(f"gate {self.name}: cue {cue.name} is missing or no number")
            deviation = (value - cue.centre) / cue.scale
            found[cue.name] = cue.weight * max(-MOST_DEVIATIONS, min(MOST_DEVIATIONS, deviation))
        return found

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GateCard:
        """Raises KeyError, TypeError or ValueError for anything that is no gate."""
        cues = tuple(Cue(**cue) for cue in values["cues"])
        numbers = [values["offset"], values["threshold"], *(n for c in cues for n in (c.centre, c.scale, c.weight))]
        if not cues or not all(math.isfinite(number) for number in numbers) or any(cue.scale <= 0 for cue in cues):
            raise ValueError("a gate needs cues, and finite numbers")
        return cls(**{**values, "cues": cues, "data": tuple(values["data"])})


def load_gate(name: str, places: Places) -> GateCard:
    """The gate called ``name``: the operator's own before the one that ships.

    Raises:
        ModelMissing: there is none, or its file cannot be read.
    """
    for folder in (places.state_dir / "gates", SHIPPED):
        path = folder / f"{name}.json"
        if path.is_file():
            return read_gate(path)
    raise ModelMissing(name, "this gate was never calibrated; run: manage.py calibrate --gate")


def read_gate(path: Path) -> GateCard:
    """Raises ModelMissing when the file holds no gate."""
    try:
        return GateCard.from_json(json.loads(path.read_text()))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelMissing(path.stem, f"its calibration cannot be read ({error})") from error


def write_gate(card: GateCard, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{card.name}.json"
    path.write_text(json.dumps(card.to_json(), indent=1) + "\n")
    return path
