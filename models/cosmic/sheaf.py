"""The cellular sheaf on the triangle face-voice-context: H0, where restrictions disagree, and H1, where cycles do not close.

Sources: Hansen and Ghrist, "Toward a Spectral Theory of Cellular Sheaves", 2019 (coboundary and sheaf Laplacian);
Bodnar et al., "Neural Sheaf Diffusion", NeurIPS 2022 (learned restriction maps, orthogonal maps, Dirichlet energy).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import torch
from torch import Tensor, nn

from models.cosmic.nodes import Node

EDGES: tuple[tuple[int, int], ...] = (
    (Node.FACE, Node.VOICE),
    (Node.FACE, Node.CONTEXT),
    (Node.VOICE, Node.CONTEXT),
)
"""The edges of the triangle; the coboundary of (i, j) is R_i m_i - R_j m_j."""

# A stalk vector shorter than this has no direction to compare; the bound also keeps its gradient finite.
SHORTEST = 1e-6


class Sheaf(nn.Module):
    """A linear restriction map R_{i,e} from each node's token to the stalk of each edge at that node: six maps.

    Arguments:
        hidden: h, width of a token.
        stalk: width of an edge's stalk.
    """

    def __init__(self, hidden: int, stalk: int = 64) -> None:
        super().__init__()
        maps = [[nn.init.orthogonal_(torch.empty(stalk, hidden)) for _ in edge] for edge in EDGES]
        self.maps = nn.Parameter(torch.stack([torch.stack(ends) for ends in maps]))

    def disagreement(self, tokens: Tensor, present: Tensor) -> Tensor:
        """H0: sum over edges with both ends present of ||u_i - u_j||^2, u the direction of R_{i,e} m_i.

        Directions are compared, since the raw energy is won by maps or tokens that shrink to nothing; each edge then
        costs between 0 and 4. Directions alone are won by maps of rank one, which send every token the same way: train
        with ``orthogonality`` beside it, which forbids that.

        Arguments:
            tokens: (B, 3, h). What stands in an absent token has no influence, not even NaN.
            present: (B, 3) bool.

        Returns:
            (B,), zero where fewer than two nodes are there.
        """
        restricted = self._restrict(tokens, present)
        length = torch.linalg.vector_norm(restricted, dim=-1, keepdim=True).clamp_min(SHORTEST)
        return _edge_energy(restricted / length, present)

    def dirichlet_energy(self, tokens: Tensor, present: Tensor) -> Tensor:
        """x^T L x of the rows' tokens, (B,): the disagreement without normalisation, over edges with both ends present.

        Shapes as for ``disagreement``.
        """
        return _edge_energy(self._restrict(tokens, present), present)

    def orthogonality(self) -> Tensor:
        """Mean over the maps of ||G - 1||_F^2 / r, a scalar: G is the Gram matrix of a map's shorter side, r its size.

        Zero for maps with orthonormal rows (or columns, where the stalk is wider than the token).
        """
        stalk, hidden = self.maps.shape[-2:]
        short = self.maps if stalk <= hidden else self.maps.mT
        unit = torch.eye(short.shape[-2], dtype=short.dtype, device=short.device)
        return (short @ short.mT - unit).square().sum((-2, -1)).mean() / short.shape[-2]

    def coboundary(self) -> Tensor:
        """delta as a matrix, (3 * stalk, 3 * h): the row block of edge (i, j) holds R_i at column block i, -R_j at j."""
        stalk, hidden = self.maps.shape[-2:]
        delta = self.maps.new_zeros(len(EDGES), stalk, len(Node), hidden)
        for edge, (i, j) in enumerate(EDGES):
            delta[edge, :, i] = self.maps[edge, 0]
            delta[edge, :, j] = -self.maps[edge, 1]
        return delta.reshape(len(EDGES) * stalk, len(Node) * hidden)

    def laplacian(self) -> Tensor:
        """The sheaf Laplacian L = delta^T delta, (3 * h, 3 * h); its kernel is H0, the consistent sections."""
        delta = self.coboundary()
        return delta.mT @ delta

    def _restrict(self, tokens: Tensor, present: Tensor) -> Tensor:
        """(B, 3, h) to (B, edge, end, stalk)."""
        known = torch.where(present.unsqueeze(-1), tokens, 0.0)
        ends = torch.stack([torch.stack([known[:, i], known[:, j]], dim=1) for i, j in EDGES], dim=1)
        return torch.einsum("eksh,bekh->beks", self.maps, ends)


def cycle_obstruction(mapped: Tensor, apply: Callable[[int, int, Tensor], Tensor], present: Tensor) -> Tensor:
    """H1: sum over ordered triples (i, j, k) of distinct nodes of ||phi_jk(phi_ij(m_i)) - phi_ik(m_i)||^2.

    Arguments:
        mapped: (B, 3, 3, h), [:, i, j] is phi_ij(m_i).
        apply: ``apply(i, j, m)`` is phi_ij(m), (B, h) to (B, h), row by row.
        present: (B, 3) bool.

    Returns:
        (B,), zero where a node is absent: a cycle needs all three.
    """
    whole = present.all(1)
    known = torch.where(whole[:, None, None, None], mapped, 0.0)
    obstruction = sum(
        ((apply(j, k, known[:, i, j]) - known[:, i, k]).square().sum(-1) for i, j, k in permutations(range(len(Node)))),
        start=known.new_zeros(len(known)),
    )
    return torch.where(whole, obstruction, 0.0)


def _edge_energy(restricted: Tensor, present: Tensor) -> Tensor:
    """Sum of the squared coboundary over the edges with both ends present: (B, edge, end, stalk) to (B,)."""
    both = torch.stack([present[:, i] & present[:, j] for i, j in EDGES], dim=1)
    energy = (restricted[:, :, 0] - restricted[:, :, 1]).square().sum(-1)
    return torch.where(both, energy, 0.0).sum(1)
