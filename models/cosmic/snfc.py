"""Sheaf-normalised Fisher coherence: morphisms that tell identities apart, where squared error predicts the centroid.

A morphism trained on squared error learns the conditional mean of its target, which for weakly related modalities is
close to the population's centroid. Here each morphism's output is z-scored, so that the centroid is worth nothing, and a
cosine contrastive loss draws it to its own identity and pushes it from others.

Sources: the contrastive loss of Hadsell, Chopra and LeCun, CVPR 2006, on cosines; the ratio of scatters of Fisher, 1936
(Fukunaga, "Introduction to Statistical Pattern Recognition", 1990, 10.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.cosmic.nodes import Node

CROSS_MODAL: tuple[tuple[int, int], ...] = ((Node.FACE, Node.VOICE), (Node.VOICE, Node.FACE))
"""The morphisms between the two modalities, in both directions."""

# Variance below which a dimension counts as constant, and squared length below which a row has no direction.
VARIANCE_FLOOR = 1e-5
LENGTH_FLOOR = 1e-6


def snfc_loss(
    mapped: Tensor,
    tokens: Tensor,
    labels: Tensor,
    present: Tensor,
    *,
    margin: float = 0.1,
    pairs: Sequence[tuple[int, int]] = CROSS_MODAL,
) -> Tensor:
    """Mean over ``pairs`` of the cosine contrastive loss of z-scored phi_ij(m_i) against z-scored m_j.

    Pairs of the same identity cost ``1 - cos``, pairs of two identities ``max(0, cos - margin)``; each kind is averaged by
    itself, since the second is far more numerous. The targets m_j carry no gradient: a target that could move would lose
    whatever the other modality cannot predict, which is most of what makes a voice a voice. Both encoders still learn,
    each as the source of its own morphism.

    Arguments:
        mapped: (B, 3, 3, h), [:, i, j] is phi_ij(m_i).
        tokens: (B, 3, h).
        labels: (B,), identities.
        present: (B, 3) bool. A row counts for a morphism whose both nodes it has; others have no influence.

    Returns:
        Scalar. A morphism without two identities to tell apart is left out; zero if none remains.
    """
    terms = []
    for i, j in pairs:
        rows = present[:, i] & present[:, j]
        if labels[rows].unique().numel() > 1:
            outputs, targets = z_score(mapped[rows, i, j]), z_score(tokens[rows, j].detach())
            terms.append(_contrast(outputs, targets, labels[rows], margin))
    return torch.stack(terms).mean() if terms else mapped[:0].sum()


def z_score(values: Tensor) -> Tensor:
    """(n, h) with mean 0 and variance 1 over the rows in each dimension; a constant dimension becomes 0."""
    centred = values - values.mean(0)
    return centred / (centred.square().mean(0) + VARIANCE_FLOOR).sqrt()


def fisher_ratio(outputs: Tensor, labels: Tensor) -> Tensor:
    """Trace of the between-identity scatter over the trace of the within-identity scatter, a scalar.

    Arguments:
        outputs: (n, h).
        labels: (n,), identities; at least some with several rows, or nothing scatters within and the ratio is huge.

    Noise that knows nothing of identity has a ratio of about (identities - 1) / (n - identities), not of zero.
    """
    exact = outputs.double()
    _, indices = labels.unique(return_inverse=True)
    members = F.one_hot(indices).to(exact).T
    sizes = members.sum(1)
    centres = members @ exact / sizes.unsqueeze(1)
    between = (sizes * (centres - exact.mean(0)).square().sum(1)).sum()
    within = (exact - centres[indices]).square().sum()
    return (between / (within + _rounding(exact))).to(outputs.dtype)


def variance_ratio(outputs: Tensor, targets: Tensor) -> Tensor:
    """Total variance of ``outputs`` (n, h) over that of ``targets`` (n, h), a scalar: near 0 for a collapsed morphism."""
    spread, expected = ((x.double() - x.double().mean(0)).square().sum() for x in (outputs, targets))
    return (spread / (expected + _rounding(targets.double()))).to(outputs.dtype)


def _contrast(outputs: Tensor, targets: Tensor, labels: Tensor, margin: float) -> Tensor:
    cosines = _direction(outputs) @ _direction(targets).T
    same = labels.unsqueeze(1) == labels
    return (1 - cosines[same]).mean() + F.relu(cosines[~same] - margin).mean()


def _direction(values: Tensor) -> Tensor:
    return values / (values.square().sum(1, keepdim=True) + LENGTH_FLOOR).sqrt()


def _rounding(values: Tensor) -> Tensor:
    """A scatter that float32 could have made of constant rows: below it, a ratio of scatters would be one of noise."""
    return 1e-12 * values.square().sum() + torch.finfo(values.dtype).tiny
