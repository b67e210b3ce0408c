"""The six morphisms between face, voice and context, and how far they are from making the diagram commute.

Source: the equaliser of COSMIC's category, C = sum over i != j of ||phi_ij(m_i) - m_j||^2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, overload

import torch
from torch import Tensor, nn

from models.cosmic.nodes import Node


class ResidualMLP(nn.Module):
    """(B, h) to (B, h): ``m + W_2 silu(W_1 norm(m))``.

    The sum keeps the variance of the input, which a plain network trained on squared error would average away.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.LayerNorm(hidden), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden)
        )

    def forward(self, m: Tensor) -> Tensor:
        return m + self.inner(m)


class Morphisms(nn.Module):
    """One residual network phi_ij for each ordered pair of distinct nodes."""

    def __init__(self, hidden: int, nodes: int = len(Node)) -> None:
        super().__init__()
        self.nodes = nodes
        self.phi = nn.ModuleDict(
            {_name(i, j): ResidualMLP(hidden) for i in range(nodes) for j in range(nodes) if i != j}
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, nodes, h) to (B, nodes, nodes, h): [:, i, j] is phi_ij(m_i), and [:, i, i] is m_i itself."""
        rows = [
            torch.stack([self.apply(i, j, tokens[:, i]) for j in range(self.nodes)], dim=1) for i in range(self.nodes)
        ]
        return torch.stack(rows, dim=1)

    @overload
    def apply(self, fn: Callable[[nn.Module], None], /) -> Self: ...

    @overload
    def apply(self, i: int, j: int, m: Tensor, /) -> Tensor: ...

    def apply(
        self, i: int | Callable[[nn.Module], None], j: int | None = None, m: Tensor | None = None, /
    ) -> Self | Tensor:
        """phi_ij(m), (B, h) to (B, h); m itself where i is j.

        With one callable it is ``nn.Module.apply``, which a parent module calls on its children.
        """
        if not isinstance(i, int):
            return super().apply(i)
        if j is None or m is None:
            raise TypeError("apply needs i, j and m")
        return m if i == j else self.phi[_name(i, j)](m)


def equaliser_violation(tokens: Tensor, mapped: Tensor, present: Tensor) -> Tensor:
    """Sum of ||phi_ij(m_i) - m_j||^2 over the ordered pairs i != j whose both nodes are there.

    Arguments:
        tokens: (B, nodes, h).
        mapped: (B, nodes, nodes, h) as ``Morphisms.forward`` gives it.
        present: (B, nodes) bool.

    Returns:
        (B,), zero where fewer than two nodes are there.
    """
    apart = ~torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
    counted = present.unsqueeze(2) & present.unsqueeze(1) & apart
    difference = mapped - tokens.unsqueeze(1)
    # Chosen and not multiplied by zero: whatever stands in an absent token then has no gradient, not even NaN.
    return torch.where(counted.unsqueeze(-1), difference, 0.0).square().sum((1, 2, 3))


def _name(i: int, j: int) -> str:
    return f"{i}_to_{j}"
