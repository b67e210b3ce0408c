"""Conditional LEACE: erases in closed form what of a nuisance can be read linearly within an identity.

Source: Belrose et al., "LEACE: Perfect linear concept erasure in closed form", NeurIPS 2023, section 4, with the
cross-covariance taken within identities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Eigenvalues below this share of the largest are rounding, not variance.
RANK_TOLERANCE = 1e-12
# Strengths are correlations, since both sides are whitened or one-hot; less than this is rounding.
DIRECTION_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class Eraser:
    """The affine map ``x -> mean + projection (x - mean)``; ``projection`` (d, d) is idempotent, ``mean`` is (d,)."""

    projection: NDArray[np.float64]
    mean: NDArray[np.float64]

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """(n, d) to (n, d) of the same floating type; computed in double precision."""
        erased = (np.asarray(x, dtype=np.float64) - self.mean) @ self.projection.T + self.mean
        return erased.astype(x.dtype) if np.issubdtype(x.dtype, np.floating) else erased


def fit_conditional_leace(x: NDArray[Any], nuisance: NDArray[Any], identity: NDArray[Any]) -> Eraser:
    """The map nearest to doing nothing, after which ``x`` has no within-identity covariance with the nuisance.

    Both ``x`` and the one-hot nuisance are centred within each identity before their cross-covariance is taken, so
    that a nuisance which merely differs between people takes nothing of the people with it. "Nearest" is the mean
    squared change over all samples, hence the whitening by the total covariance: directions in which people differ
    weigh most there, and their means are moved least.

    Arguments:
        x: (n, d) embeddings.
        nuisance: (n,) labels of what is to be erased.
        identity: (n,) labels of who it is.

    Raises:
        ValueError: lengths differ, or no identity was seen under two nuisance labels.
    """
    if not len(x) == len(nuisance) == len(identity):
        raise ValueError(f"{len(x)} embeddings, {len(nuisance)} nuisance and {len(identity)} identity labels")
    x = np.asarray(x, dtype=np.float64)
    _, people = np.unique(identity, return_inverse=True)
    one_hot = (np.asarray(nuisance)[:, None] == np.unique(nuisance)[None, :]).astype(np.float64)
    nuisance_within = centred_within(one_hot, people)
    if not np.any(nuisance_within):
        raise ValueError("no identity was seen under two nuisance labels: nuisance and identity are the same here")
    mean = x.mean(0)
    whiten, colour = _square_roots((x - mean).T @ (x - mean) / len(x))
    cross = centred_within(x, people).T @ nuisance_within / len(x)
    directions, strengths, _ = np.linalg.svd(whiten @ cross, full_matrices=False)
    directions = directions[:, strengths > DIRECTION_TOLERANCE]
    projection = np.eye(x.shape[1]) - colour @ directions @ directions.T @ whiten
    return Eraser(projection, mean)


def centred_within(values: NDArray[np.float64], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, k) values less the mean of their group; ``groups`` (n,) counts from 0 without gaps."""
    sums = np.zeros((groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return values - (sums / np.bincount(groups)[:, None])[groups]


def _square_roots(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The pseudo-inverse square root and the square root of a covariance, both on its range only."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK_TOLERANCE * values[-1]
    values, vectors = values[kept], vectors[:, kept]
    return (vectors / np.sqrt(values)) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T
