"""Evidence, opinions and the loss that teaches them. Column 0 is genuine, column 1 impostor; K = 2.

Sources: Sensoy et al., "Evidential Deep Learning to Quantify Classification Uncertainty", NeurIPS 2018; the digamma form is
their equation 4, the divergence of misleading evidence the one of their section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLASSES = 2
SMALLEST_UNCERTAINTY = 1e-14


@dataclass(frozen=True, slots=True)
class Opinion:
    """A binomial opinion a row, each of shape (n,), in [0, 1], summing to 1: belief in genuine, disbelief, uncertainty."""

    belief: Tensor
    disbelief: Tensor
    uncertainty: Tensor

    def only_where(self, kept: Tensor) -> Opinion:
        """The vacuous opinion (0, 0, 1) in the rows that ``kept`` (n,) bool leaves out."""
        zero, one = torch.zeros_like(self.belief), torch.ones_like(self.belief)
        return choose(kept, self, Opinion(zero, zero, one))


def choose(first_where: Tensor, first: Opinion, second: Opinion) -> Opinion:
    """Row by row the first opinion where ``first_where`` (n,) bool holds, else the second."""
    return Opinion(
        torch.where(first_where, first.belief, second.belief),
        torch.where(first_where, first.disbelief, second.disbelief),
        torch.where(first_where, first.uncertainty, second.uncertainty),
    )


def opinion_from_evidence(evidence: Tensor) -> Opinion:
    """b_k = e_k / S, u = K / S with S = sum e + K, of non-negative ``evidence`` (n, 2)."""
    strength = evidence.sum(dim=1) + CLASSES
    return Opinion(evidence[:, 0] / strength, evidence[:, 1] / strength, CLASSES / strength)


def evidence_from_opinion(opinion: Opinion) -> Tensor:
    """Opposite of ``opinion_from_evidence``: e_k = K b_k / u, (n, 2). A dogmatic opinion has much, not infinite, evidence."""
    scale = CLASSES / opinion.uncertainty.clamp_min(SMALLEST_UNCERTAINTY)
    return torch.stack([opinion.belief * scale, opinion.disbelief * scale], dim=1)


def log_odds(opinion: Opinion) -> Tensor:
    """log((b + u/2) / (d + u/2)), (n,): log-odds of the expected probability of genuine under the Dirichlet."""
    genuine = (opinion.belief + opinion.uncertainty / 2).clamp_min(SMALLEST_UNCERTAINTY)
    impostor = (opinion.disbelief + opinion.uncertainty / 2).clamp_min(SMALLEST_UNCERTAINTY)
    return torch.log(genuine) - torch.log(impostor)


def evidential_loss(evidence: Tensor, genuine: Tensor, *, kl_weight: float, weights: Tensor | None = None) -> Tensor:
    """Expected cross-entropy under the Dirichlet, plus ``kl_weight`` times the divergence of misleading evidence.

    ``evidence`` (n, 2) non-negative, ``genuine`` (n,) bool, ``weights`` (n,) non-negative, by default 1 each
    (``balanced_weights`` makes both classes weigh the same). The weighted mean, a scalar; 0 where nothing weighs.

    The divergence KL(Dir(alpha~) || Dir(1, 1)), with the right class's evidence removed from alpha~, is for two classes
    that of Beta(a, 1) from the uniform: log a - (a - 1) / a, a = 1 + the misleading evidence. So written it needs no
    differences of log-gammas, which in float32 lose all their digits where evidence is much.
    """
    right = torch.where(genuine, evidence[:, 0], evidence[:, 1])
    wrong = torch.where(genuine, evidence[:, 1], evidence[:, 0])
    cross_entropy = torch.digamma(right + wrong + CLASSES) - torch.digamma(right + 1.0)
    misleading = torch.log1p(wrong) - wrong / (1.0 + wrong)
    losses = cross_entropy + kl_weight * misleading
    if weights is None:
        weights = torch.ones_like(losses)
    return (weights * losses).sum() / weights.sum().clamp_min(torch.finfo(losses.dtype).tiny)


def balanced_weights(genuine: Tensor, counted: Tensor | None = None) -> Tensor:
    """Weights (n,) that give genuine and impostor trials half of the sum each; a class alone has all of it.

    ``genuine`` (n,) bool; ``counted`` (n,) bool leaves trials out, with weight 0.
    """
    counted = torch.ones_like(genuine) if counted is None else counted
    mine, others = genuine & counted, ~genuine & counted
    share = torch.stack([mine.sum(), others.sum()]).to(torch.get_default_dtype())
    classes = (share > 0).sum().clamp_min(1)
    each = 1.0 / (share.clamp_min(1.0) * classes)
    return mine * each[0] + others * each[1]
