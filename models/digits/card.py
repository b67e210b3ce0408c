"""What is known of the trained digit network: its file, the threshold, and what was measured. Standard library only."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.errors import ModelMissing, WrongHash
from models.registry import sha256_of

CARD, NETWORK = "card.json", "digits.onnx"


@dataclass(frozen=True, slots=True)
class DigitCard:
    """What lies beside the network.

    Arguments:
        sha256: of the network's file.
        threshold: natural-log odds from which on a reading is accepted.
        wrong_set: the share of other random strings that the threshold lets through on training speakers.
        weights: how many the network has.
        data, made_at, command: what it was made from, when, and how.
        measured: figures on speakers that a network had not heard; plain values for people to read.
    """

    sha256: str
    threshold: float
    wrong_set: float
    weights: int
    data: tuple[str, ...]
    made_at: str
    command: str
    measured: dict[str, Any] = field(default_factory=dict)

    def network(self, folder: Path) -> Path:
        """The network's file in ``folder``.

        Raises:
            ModelMissing: it is not there.
            WrongHash: it is another one.
        """
        path = folder / NETWORK
        if not path.is_file():
            raise ModelMissing("digits", f"{path} is not there")
        found = sha256_of(path)
        if found != self.sha256:
            raise WrongHash(path, expected=self.sha256, found=found)
        return path


def read_card(folder: Path) -> DigitCard:
    """Raises ModelMissing when ``folder`` holds no card."""
    try:
        values = json.loads((folder / CARD).read_text())
        card = DigitCard(**{**values, "data": tuple(values["data"])})
        if not math.isfinite(card.threshold):
            raise ValueError("the threshold is no number")
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ModelMissing("digits", f"its card cannot be read ({error})") from error
    return card


def write_card(card: DigitCard, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text(json.dumps(asdict(card), indent=1) + "\n")
