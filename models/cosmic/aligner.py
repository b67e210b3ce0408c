"""GeneralizableXMAligner: carries one modality's embeddings into the other's space, learned from identity centroids.

Squared error between centroids, the variance and covariance terms of VICReg, and a penalty that keeps both projections
orthogonal. The cost is linear in identities and widths: no pair of identities is ever compared, which is also why there
is no list of training pairs to learn by heart.

Source: Bardes, Ponce and LeCun, "VICReg: Variance-Invariance-Covariance Regularization", ICLR 2022, equations 1 to 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Against a squared error of 0 to 4. The orthogonality matters most for unseen identities: two near-isometries
# cannot stretch a direction that was only noise.
VARIANCE_WEIGHT = 0.1
COVARIANCE_WEIGHT = 0.01
ORTHOGONALITY_WEIGHT = 0.1
VARIANCE_FLOOR = 1e-6


class GeneralizableXMAligner(nn.Module):
    """(n, source_width) to unit (n, target_width) by ``down`` to a code of ``rank`` dimensions and ``up`` again.

    Raises:
        ValueError: ``rank`` exceeds a width, so that no projection to it could be orthogonal.
    """

    def __init__(self, source_width: int, target_width: int, rank: int = 32) -> None:
        super().__init__()
        if rank > min(source_width, target_width):
            raise ValueError(f"rank {rank} exceeds a width: {source_width} to {target_width}")
        self.down = nn.Parameter(nn.init.orthogonal_(torch.empty(rank, source_width)))
        self.up = nn.Parameter(nn.init.orthogonal_(torch.empty(target_width, rank)))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(self.code(x) @ self.up.T, dim=-1)

    def code(self, x: Tensor) -> Tensor:
        """(n, source_width) to (n, rank): what both spaces share."""
        return x @ self.down.T

    def loss(self, source_centroids: Tensor, target_centroids: Tensor) -> Tensor:
        """Squared error, variance, covariance and orthogonality, weighted, as one scalar.

        Arguments:
            source_centroids: (n, source_width), one row an identity, n at least 2.
            target_centroids: (n, target_width), unit, the same identities in the same order.
        """
        error = (self(source_centroids) - target_centroids).square().sum(1).mean()
        code = self.code(source_centroids)
        return (
            error
            + VARIANCE_WEIGHT * _variance_penalty(code)
            + COVARIANCE_WEIGHT * _covariance_penalty(code)
            + ORTHOGONALITY_WEIGHT * (_distance_from_orthogonal(self.down) + _distance_from_orthogonal(self.up.T))
        )


def fit_aligner(
    source_centroids: Tensor,
    target_centroids: Tensor,
    *,
    epochs: int = 300,
    seed: int = 0,
    rank: int = 32,
    learning_rate: float = 1e-2,
) -> GeneralizableXMAligner:
    """An aligner trained on all centroids at once, in evaluation mode, on the device of the centroids.

    Arguments:
        source_centroids: (n, source_width), one row an identity.
        target_centroids: (n, target_width), unit, the same identities in the same order.
        epochs: steps of Adam, each over all identities.
        seed: of the initial projections; the caller's random state is left alone.
        rank: of the code, held to the smaller width.

    Raises:
        ValueError: the two sets differ in length, or hold fewer than two identities.
    """
    if len(source_centroids) != len(target_centroids) or len(source_centroids) < 2:
        raise ValueError(f"{len(source_centroids)} source and {len(target_centroids)} target centroids; 2 are needed")
    source_width, target_width = source_centroids.shape[1], target_centroids.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        aligner = GeneralizableXMAligner(source_width, target_width, min(rank, source_width, target_width))
    aligner.to(source_centroids)
    optimiser = torch.optim.Adam(aligner.parameters(), lr=learning_rate)
    for _ in range(epochs):
        optimiser.zero_grad()
        aligner.loss(source_centroids, target_centroids).backward()
        optimiser.step()
    return aligner.eval()


def _variance_penalty(code: Tensor) -> Tensor:
    """How far the dimensions' standard deviations fall short of that of a unit vector, 1 / sqrt(rank)."""
    deviation = (code.var(0) + VARIANCE_FLOOR).sqrt() * code.shape[1] ** 0.5
    return F.relu(1 - deviation).mean()


def _covariance_penalty(code: Tensor) -> Tensor:
    """Mean over the dimensions of their squared covariances with the others, in units of a unit vector's variance."""
    rank = code.shape[1]
    centred = code - code.mean(0)
    covariance = centred.T @ centred * (rank / (len(code) - 1))
    return (covariance - torch.diag(covariance.diag())).square().sum() / rank


def _distance_from_orthogonal(rows: Tensor) -> Tensor:
    """Mean over the rows of ||R R^T - 1||^2."""
    gram = rows @ rows.T
    return (gram - torch.eye(len(rows), dtype=rows.dtype, device=rows.device)).square().sum() / len(rows)
