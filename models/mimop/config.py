"""What a MIMOP-FAME-CEBS model is built from, as values that a TOML or JSON file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from models.mimop.choices import Cell


@dataclass(frozen=True, slots=True)
class MimopConfig:
    """Widths and choices of one model.

    ``face_width``, ``voice_width``: of the frozen embeddings, from the model card. ``head``: width of the identity and
    the modality heads. ``hidden``: width inside the heads. ``cell``: the fusion cell. ``edisc``: evidence discounting,
    that is, each modality's opinion is discounted by a reliability learned from its quality before the combination.
    ``ValueError``: a width that is not positive, or a head wider than an embedding.
    """

    face_width: int
    voice_width: int
    head: int = 64
    hidden: int = 32
    cell: Cell = field(default_factory=Cell)
    edisc: bool = False

    def __post_init__(self) -> None:
        for name in ("face_width", "voice_width", "head", "hidden"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, not {value!r}")
        if self.head > min(self.face_width, self.voice_width):
            raise ValueError(f"head = {self.head} is wider than an embedding ({self.face_width}, {self.voice_width})")
        if not isinstance(self.edisc, bool):
            raise ValueError(f"edisc must be true or false, not {self.edisc!r}")

    @property
    def built_cell(self) -> Cell:
        """The cell that is built: the chosen one, with discounting where ``edisc`` asks for it."""
        return self.cell.with_discounting() if self.edisc else self.cell

    def to_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"cell": self.cell.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MimopConfig:
        """Opposite of ``to_dict``; what is left out has its default. ``ValueError``: unknown, missing or wrong keys."""
        known = {one.name for one in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown keys {unknown}; a MIMOP configuration has {sorted(known)}")
        if missing := sorted({"face_width", "voice_width"} - values.keys()):
            raise ValueError(f"a MIMOP configuration needs {missing}")
        given = dict(values)
        if "cell" in given:
            given["cell"] = Cell.from_dict(given["cell"])
        return cls(**given)
