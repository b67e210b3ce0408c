"""Solvers and rows for the tests of the convex energy solver."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.cosmic.cge import ConvexEnergySolver, Solution

HIDDEN, WIDTH = 12, 8


@dataclass(frozen=True, slots=True)
class Captures:
    """What the solver is given, for some rows."""

    f_kan: Tensor
    h_face: Tensor
    h_voice: Tensor
    quality: Tensor
    present: Tensor

    def all(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return self.f_kan, self.h_face, self.h_voice, self.quality, self.present


def captures(rows: int = 6, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Captures:
    """Random rows; the first four have both modalities, none, the face, the voice."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.tensor([[True, True], [False, False], [True, False], [False, True]] + [[True, True]] * (rows - 4))
    return Captures(
        torch.randn(rows, WIDTH, generator=generator, dtype=dtype),
        torch.randn(rows, HIDDEN, generator=generator, dtype=dtype),
        torch.randn(rows, HIDDEN, generator=generator, dtype=dtype),
        torch.rand(rows, 2, generator=generator, dtype=dtype),
        present[:rows],
    )


def random_solver(seed: int = 0, *, scale: float = 1.0) -> ConvexEnergySolver:
    """Parameters as training might leave them: no longer orthogonal, weights no longer one."""
    torch.manual_seed(seed)
    solver = ConvexEnergySolver(HIDDEN, WIDTH)
    with torch.no_grad():
        for parameter in solver.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return solver.double().eval()


def at_full_quality(given_: Captures, present: tuple[bool, bool]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    rows = len(given_.f_kan)
    quality = torch.ones_like(given_.quality)
    return given_.f_kan, given_.h_face, given_.h_voice, quality, torch.tensor([present]).expand(rows, 2)


def assert_same(ours: Solution, other: Solution, atol: float = 1e-10) -> None:
    torch.testing.assert_close(ours.raw, other.raw, atol=atol, rtol=atol)
    torch.testing.assert_close(ours.identity, other.identity, atol=atol, rtol=atol)
