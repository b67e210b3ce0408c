"""One modality's way from a comparison to an opinion, on any of a set of cells.

A found cell is a set of one: the search and the retrained model run the same code, and a cell that won the search is
built as it was scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.mimop.choices import Cell, Features
from models.mimop.dempster_shafer import discount
from models.mimop.evidence import Opinion, opinion_from_evidence
from models.mimop.networks import MonotoneLinear, build_network

# Where the cosines of genuine and impostor comparisons meet and how wide they spread, before data say better.
USUAL_CENTRE = 0.35
USUAL_SCALE = 0.15
SMALLEST_SCALE = 0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """A probe against a reference in one modality; all (n,).

    ``raw``: cosine of the frozen embeddings; ``identity``: cosine of the identity heads; ``quality`` of the probe's
    sample in [0, 1]; ``present``: bool, whether there is anything to compare.
    """

    raw: Tensor
    identity: Tensor
    quality: Tensor
    present: Tensor


class Reliability(nn.Module):
    """r = sigmoid(a * quality + c) with a >= 0: how far an opinion on a sample of this quality is to be believed.

    Held as a (quality - 1) + c', so that a learns only from samples whose quality is not 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.map = MonotoneLinear(1, 1, start=3.0)
        with torch.no_grad():
            self.map.bias.fill_(4.0)

    def forward(self, quality: Tensor) -> Tensor:
        """``quality`` (n,) to reliability (n,) in (0, 1)."""
        return torch.sigmoid(self.map(quality[:, None] - 1.0))[:, 0]


class ModalityPaths(nn.Module):
    """The opinion of one modality on every path that ``cells`` can take."""

    centre: Tensor  # of the raw and the identity cosine, (2,)
    scale: Tensor

    def __init__(self, cells: Iterable[Cell], features: Callable[[Cell], Features]) -> None:
        """``features`` says which of a cell's features are this modality's."""
        super().__init__()
        cells = list(cells)
        self._features = features
        self.networks = nn.ModuleDict()
        for cell in cells:
            if self._key(cell) not in self.networks:
                cosines = 2 if features(cell) is Features.BOTH else 1
                self.networks[self._key(cell)] = build_network(cell.network, cosines, quality=cell.quality.feeds)
        self.reliability = Reliability() if any(cell.quality.discounts for cell in cells) else None
        self.register_buffer("centre", torch.full((2,), USUAL_CENTRE))
        self.register_buffer("scale", torch.full((2,), USUAL_SCALE))

    def forward(self, cell: Cell, comparison: Comparison) -> Opinion:
        """The opinion (n,) of ``cell`` on the comparison; vacuous where the modality is absent."""
        cosines = torch.stack([comparison.raw, comparison.identity], dim=1)
        z = (cosines - self.centre) / self.scale
        if self._features(cell) is Features.RAW:
            z = z[:, :1]
        elif self._features(cell) is Features.IDENTITY:
            z = z[:, 1:]
        opinion = opinion_from_evidence(self.networks[self._key(cell)](z, comparison.quality[:, None]))
        if cell.quality.discounts and self.reliability is not None:
            opinion = discount(opinion, self.reliability(comparison.quality))
        return opinion.only_where(comparison.present)

    @torch.no_grad()
    def standardise(self, comparison: Comparison, genuine: Tensor) -> None:
        """Centre between the cosines of genuine and impostor comparisons, scale by their spread; ``genuine`` (n,) bool.

        Only present rows count. Without two of each kind nothing is known, and nothing changes.
        """
        cosines = torch.stack([comparison.raw, comparison.identity], dim=1)
        mine = cosines[comparison.present & genuine]
        others = cosines[comparison.present & ~genuine]
        if min(len(mine), len(others)) < 2:
            return
        self.centre.copy_((mine.mean(dim=0) + others.mean(dim=0)) / 2)
        self.scale.copy_(((mine.std(dim=0) + others.std(dim=0)) / 2).clamp_min(SMALLEST_SCALE))

    def _key(self, cell: Cell) -> str:
        return f"{self._features(cell)}_{cell.network}_{'quality' if cell.quality.feeds else 'plain'}"
