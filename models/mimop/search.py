"""Search of the fusion cell: one supernet trained on single uniform paths, then every cell ranked by validation.

Source: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020. They rank by an
evolutionary search, since their space has 4^20 paths. This one has 405: all are scored, and nothing is left to luck.
The found cell is written down and retrained from the start.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from models.mimop.cell import CellPaths
from models.mimop.choices import Cell, space


class Supernet(CellPaths):
    """All candidate cells, one of them active. Takes the place of the cell in a model: ``Mimop(config, Supernet())``."""

    def __init__(self, cells: Sequence[Cell] | None = None) -> None:
        super().__init__(space() if cells is None else cells)

    def choose(self, cell: Cell) -> None:
        """Make ``cell`` the path of the next forward passes. ``ValueError``: it is not one of this supernet."""
        if cell not in self.cells:
            raise ValueError(f"this supernet has no path {cell}")
        self.active = cell

    def sample(self, generator: torch.Generator) -> Cell:
        """A cell, uniformly."""
        return self.cells[int(torch.randint(len(self.cells), (1,), generator=generator))]


@dataclass(frozen=True, slots=True)
class Scored:
    """A cell and its validation score; more is better."""

    cell: Cell
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best cell, its score, and the score of every cell in the order of the space."""

    cell: Cell
    score: float
    history: tuple[Scored, ...]


def search(
    supernet: Supernet,
    train_step: Callable[[Cell], object],
    score: Callable[[Cell], float],
    *,
    steps: int,
    seed: int = 0,
) -> SearchResult:
    """Train ``steps`` single paths drawn uniformly, then score every cell with the shared weights.

    ``train_step(cell)`` takes one optimiser step, ``score(cell)`` measures on validation data that the steps have not
    seen (more is better; negate an error rate). For both the supernet already follows ``cell``. Equal scores go to the
    simpler cell, which comes first. ``ValueError``: a score that is not finite, or no steps.
    """
    if steps < 1:
        raise ValueError(f"a supernet that was not trained ranks nothing: steps = {steps}")
    generator = torch.Generator().manual_seed(seed)
    supernet.train()
    for _ in range(steps):
        cell = supernet.sample(generator)
        supernet.choose(cell)
        train_step(cell)
    supernet.eval()
    history = tuple(_scored(supernet, cell, score) for cell in supernet.cells)
    best = max(history, key=lambda one: one.score)
    supernet.choose(best.cell)
    return SearchResult(best.cell, best.score, history)


def _scored(supernet: Supernet, cell: Cell, score: Callable[[Cell], float]) -> Scored:
    supernet.choose(cell)
    with torch.no_grad():
        value = float(score(cell))
    if not math.isfinite(value):
        raise ValueError(f"the score of {cell.to_dict()} is {value}")
    return Scored(cell, value)


def write_cell(path: Path, result: SearchResult) -> None:
    """Write the found cell as JSON, with the scores of all others beside it."""
    written = {
        "cell": result.cell.to_dict(),
        "score": result.score,
        "history": [one.cell.to_dict() | {"score": one.score} for one in result.history],
    }
    path.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")


def read_cell(path: Path) -> Cell:
    """The cell that ``write_cell`` wrote. ``ValueError``: the file holds none."""
    written = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(written, dict) or not isinstance(written.get("cell"), dict):
        raise ValueError(f"{path} holds no cell")
    return Cell.from_dict(written["cell"])
