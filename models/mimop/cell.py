"""CEBS: the cell that fuses the opinions of face and voice into one.

Sources: Han et al., "Trusted Multi-View Classification", ICLR 2021; Guo et al., ECCV 2020, for the choice of the cell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.mimop.choices import Cell, Rule
from models.mimop.dempster_shafer import average_traced, combine_traced, discount
from models.mimop.evidence import Opinion, choose, log_odds
from models.mimop.paths import Comparison, ModalityPaths

STARTING_TRUST = 3.0  # logit: 0.95


@dataclass(frozen=True, slots=True)
class Fused:
    """What the fusion says of n comparisons.

    ``opinion`` fused, ``face`` and ``voice`` alone; ``log_odds`` (n,): natural-log odds of genuine that the fused opinion
    expects, not yet calibrated. ``conflict`` (n,) in [0, 1]: the mass that contradicts itself; exactly 1 is total
    conflict, where the opinion is vacuous and the caller must refuse.
    """

    opinion: Opinion
    conflict: Tensor
    face: Opinion
    voice: Opinion
    log_odds: Tensor


class CellPaths(nn.Module):
    """Every fusion that ``cells`` can take, with one set of weights; ``active`` is the one taken.

    ``ValueError``: no cells.
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        super().__init__()
        self.cells = tuple(cells)
        if not self.cells:
            raise ValueError("a fusion needs at least one cell")
        self.active = self.cells[0]
        self.face = ModalityPaths(self.cells, lambda cell: cell.face)
        self.voice = ModalityPaths(self.cells, lambda cell: cell.voice)
        discounted = any(cell.rule is Rule.DISCOUNTED for cell in self.cells)
        self.trust = nn.Parameter(torch.full((2,), STARTING_TRUST)) if discounted else None

    def forward(self, face: Comparison, voice: Comparison) -> Fused:
        """The active cell's opinions of n comparisons in each modality and of both together."""
        face_opinion, voice_opinion = self.face_opinion(face), self.voice_opinion(voice)
        both = face.present & voice.present
        opinion, conflict = self._combined(self.active.rule, face_opinion, voice_opinion, both)
        return Fused(opinion, conflict, face_opinion, voice_opinion, log_odds(opinion))

    def face_opinion(self, face: Comparison) -> Opinion:
        opinion: Opinion = self.face(self.active, face)
        return opinion

    def voice_opinion(self, voice: Comparison) -> Opinion:
        opinion: Opinion = self.voice(self.active, voice)
        return opinion

    def _combined(self, rule: Rule, face: Opinion, voice: Opinion, both: Tensor) -> tuple[Opinion, Tensor]:
        """A modality alone is its own fusion under every rule: what a rule does, it does where both are present."""
        if rule is Rule.AVERAGE:
            averaged, conflict = average_traced(face, voice)
            alone, _ = combine_traced(face, voice)
            return choose(both, averaged, alone), conflict
        if rule is Rule.DISCOUNTED and self.trust is not None:
            trust = torch.sigmoid(self.trust)
            certain = torch.ones_like(face.belief)
            face = discount(face, torch.where(both, trust[0], certain))
            voice = discount(voice, torch.where(both, trust[1], certain))
        return combine_traced(face, voice)


class CebsCell(CellPaths):
    """Exactly one cell, with the weights of its own choices and no others.

    Example::

        fused = CebsCell(Cell())(face, voice)  # two Comparisons of n rows; fused.log_odds is (n,)
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__([cell])
