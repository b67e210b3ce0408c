"""MIMOP: an identity head and a modality head on the frozen embedding of one modality.

The identity head starts as a linear projection that keeps angles as well as its width allows: people to train on are
few, and what the frozen network knows about identity must not be thrown away by the first steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SMALLEST_SQUARE = 1e-12


class Heads(nn.Module):
    """Two unit vectors of one embedding.

    Arguments: ``width`` of the embedding, ``head`` width of both outputs, ``hidden`` width inside.
    Example::

        identity, modality = Heads(512, 64)(torch.randn(7, 512))  # (7, 64) and (7, 64)
    """

    def __init__(self, width: int, head: int, hidden: int = 32) -> None:
        super().__init__()
        self.projection = nn.Linear(width, head, bias=False)
        bend = nn.Linear(hidden, head)
        self.residual = nn.Sequential(nn.Linear(head, hidden), nn.SiLU(), bend)
        self.modality = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, head))
        nn.init.orthogonal_(self.projection.weight)
        nn.init.zeros_(bend.weight)  # the identity head starts linear
        nn.init.zeros_(bend.bias)
        self.root_width = width**0.5
        self.root_head = head**0.5

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``x`` (n, width) to the identity head (n, head) and the modality head (n, head), both unit."""
        return self.identity(x), unit(self.modality(unit(x) * self.root_width))

    def identity(self, x: Tensor) -> Tensor:
        """The identity head alone: (n, width) to (n, head), unit."""
        projected = unit(self.projection(x))
        return unit(projected + self.residual(projected * self.root_head))

    @torch.no_grad()
    def start_on_principal_axes(self, sample: Tensor) -> None:
        """Project on the leading principal axes of ``sample`` (n, width), n >= 1, instead of random axes.

        They are the eigenvectors of x^T x, the right singular vectors of x: of all projections of this rank the one that
        keeps the inner products of the sample best (Eckart and Young 1936). Not centred, since it is cosines that have to
        survive. ``ValueError``: nothing to learn the axes from.
        """
        if len(sample) == 0:
            raise ValueError("principal axes need at least one embedding")
        x = unit(sample.double())
        _, ascending = torch.linalg.eigh(x.T @ x)
        self.projection.weight.copy_(ascending.T.flip(0)[: self.projection.out_features])


def unit(x: Tensor) -> Tensor:
    """Rows of ``x`` (n, d) on the unit sphere. A row of zeros stays zero, and its gradient finite."""
    return x * torch.rsqrt(x.square().sum(dim=1, keepdim=True) + SMALLEST_SQUARE)
