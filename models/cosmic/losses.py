"""The metric, coherence, convergence and regularisation losses of COSMIC's training tasks 1, 4, 5, 6, 7 and 8.

Each returns a scalar that is never negative, and zero with a gradient of zero where a batch holds nothing to compare.
The metric losses are those of pytorch-metric-learning (Musgrave, Belongie and Lim, 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor, nn

from models.cosmic.snfc import CROSS_MODAL


class AngularTask(nn.Module):
    """Task 4: additive angular margin softmax over the training identities.

    Source: Deng et al., "ArcFace", CVPR 2019, equation 3.

    Arguments:
        classes: number of training identities; the parameters are one centre for each.
        identity: d.
        margin_degrees: added to the angle to the own centre; 28.6 is the paper's 0.5 rad.
        scale: of the logits. The paper's 64 is for millions of images; with hundreds of identities 30 does not saturate.
    """

    def __init__(self, classes: int, identity: int = 64, margin_degrees: float = 28.6, scale: float = 30.0) -> None:
        super().__init__()
        self.loss = _BoundedArcFace(classes, identity, margin=margin_degrees, scale=scale)

    def forward(self, identity: Tensor, labels: Tensor) -> Tensor:
        """Scalar for (B, d) identities and their (B,) labels in [0, classes)."""
        return self.loss(identity, labels) if len(identity) else _nothing(identity)


class _BoundedArcFace(losses.ArcFaceLoss):
    """ArcFace whose angle stays off 0 and 180 degrees, where the slope of the arc cosine is infinite."""

    def get_angles(self, cosine_of_target_classes: Tensor) -> Tensor:
        return super().get_angles(cosine_of_target_classes.clamp(-1 + 1e-6, 1 - 1e-6))


def batch_hard_triplet(identity: Tensor, labels: Tensor, margin: float = 0.2) -> Tensor:
    """Task 5: mean over anchors of max(0, margin + furthest positive - nearest negative), chords of unit vectors.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017, equation 5,
    which also finds the plain distance less prone to collapse than the squared one.

    Arguments:
        identity: (B, d); scaled to unit norm here.
        labels: (B,). Anchors without a positive or a negative are left out.
    """
    if len(identity) < 3:
        return _nothing(identity)
    chord = distances.LpDistance(normalize_embeddings=True, p=2)
    triplets = miners.BatchHardMiner(distance=chord)(identity, labels)
    criterion = losses.TripletMarginLoss(margin=margin, distance=chord, reducer=reducers.MeanReducer())
    return criterion(identity, labels, triplets)


def integrated_multi_similarity(
    fused: Tensor, singles: Sequence[tuple[Tensor, Tensor]], labels: Tensor, *, alpha: float = 2.0, beta: float = 50.0
) -> Tensor:
    """Task 7: multi-similarity over fused and single-modality identities joined, so that all live in one space.

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting", CVPR 2019, equation 16, over all pairs.

    Arguments:
        fused: (B, d).
        singles: per modality its identities (b, d) and their labels (b,); b may be 0.
        labels: (B,), of the fused identities.
        alpha, beta: sharpness on positive and on negative pairs.
    """
    points = torch.cat([fused, *(identity for identity, _ in singles)])
    names = torch.cat([labels, *(single_labels for _, single_labels in singles)])
    if len(points) < 2:
        return _nothing(points)
    return losses.MultiSimilarityLoss(alpha=alpha, beta=beta, base=0.5)(points, names)


def cross_modal_hinge(
    mapped: Tensor,
    tokens: Tensor,
    labels: Tensor,
    present: Tensor,
    margin: float = 0.2,
    *,
    pairs: Sequence[tuple[int, int]] = CROSS_MODAL,
) -> Tensor:
    """Task 8: phi_ij(m_i) is nearer in cosine to its own m_j than to any impostor's, by ``margin``.

    The mean over rows and impostors of max(0, margin + cos(phi_ij(m_i), impostor) - cos(phi_ij(m_i), own)). Which impostors
    violate the margin, and how strongly, is computed under no_grad: they weigh the pull towards the own target, and do not
    push. With their gradient, hundreds of impostors a row would take over the morphism. The own target has no gradient
    either: drawn and never pushed, the targets would all meet in one point.

    Arguments:
        mapped: (B, 3, 3, h), [:, i, j] is phi_ij(m_i).
        tokens: (B, 3, h).
        labels: (B,), identities.
        present: (B, 3) bool. Rows need both nodes; every row with node j serves as an impostor to other identities.
        pairs: the morphisms (i, j) to hold together; those with no impostor in the batch are left out.
    """
    terms = []
    for i, j in pairs:
        rows, candidates = present[:, i] & present[:, j], present[:, j]
        impostors = labels[rows].unsqueeze(1) != labels[candidates]
        if not impostors.any():
            continue
        predicted = F.normalize(mapped[rows, i, j], dim=1, eps=1e-6)
        with torch.no_grad():
            own = F.normalize(tokens[rows, j], dim=1, eps=1e-6)
            nearness = predicted @ F.normalize(tokens[candidates, j], dim=1, eps=1e-6).T
        genuine = (predicted * own).sum(1, keepdim=True)
        violations = torch.where(impostors, F.relu(margin + nearness - genuine), 0.0)
        terms.append(violations.sum() / impostors.sum())
    return torch.stack(terms).mean() if terms else _nothing(mapped)


def cge_convergence(
    f_kan: Tensor,
    identity: Tensor,
    H: Tensor,
    b: Tensor,
    energy: Callable[[Tensor, Tensor, Tensor], Tensor],
    *,
    condition_weight: float = 0.05,
) -> Tensor:
    """Task 1: how much more energy the target f_kan has than the solution, and how well conditioned H is.

    The unit I* is first put back to the length r = b.I / I^T H I of the minimiser H^-1 b, f_kan beside it: E(r f_kan) -
    E(r I*) is then never negative. In units of -E(r I*) it is ||f_kan - I*||_H^2 / ||I*||_H^2. Only f_kan learns from it:
    a solver that could would raise alpha until the evidence no longer counts. H learns from the condition alone.

    Arguments:
        f_kan, identity: (B, d), unit; a row whose identity is zero (nothing to solve for) is left out.
        H: (d, d), shared, or (B, d, d), of which the mean is conditioned.
        b: (B, d).
        energy: ``energy(I, H, b)`` is 1/2 I^T H I - b^T I, (B,).
        condition_weight: of log(largest / smallest eigenvalue of H).
    """
    solution, system, right = identity.detach(), H.detach(), b.detach()
    curvature = (solution * (system @ solution.unsqueeze(-1)).squeeze(-1)).sum(-1, keepdim=True)
    solved = curvature.squeeze(-1) > 0
    radius = (right * solution).sum(-1, keepdim=True) / torch.where(curvature > 0, curvature, 1.0)
    least = energy(radius * solution, system, right)
    gap = (energy(radius * f_kan, system, right) - least) / torch.where(solved, -least, 1.0)
    # Rounding can put a converged row just below zero.
    scaled = torch.where(solved, gap, 0.0).clamp_min(0.0).sum() / solved.sum().clamp_min(1)
    values = torch.linalg.eigvalsh(H if H.dim() == 2 else H.mean(0))
    return scaled + condition_weight * (values[-1].log() - values[0].log())


def weight_and_orthogonality(matrices: Sequence[Tensor], weights: Sequence[Tensor] = ()) -> Tensor:
    """Task 6, beside the VIB's divergence: how far ``matrices`` are from orthogonal, plus the mean square of ``weights``.

    The first is the mean over the matrices of ||G - 1||_F^2 / r, G the Gram matrix of a matrix's shorter side and r its
    size (Bansal, Chen and Wang, NeurIPS 2018, soft orthogonality). Without any tensor the penalty is zero.
    """
    terms = [torch.stack([_from_orthogonal(matrix) for matrix in matrices]).mean()] if matrices else []
    if weights:
        terms.append(torch.cat([weight.reshape(-1) for weight in weights]).square().mean())
    return torch.stack(terms).sum() if terms else torch.zeros(())


def _from_orthogonal(matrix: Tensor) -> Tensor:
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    gram = short @ short.T
    return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum() / len(gram)


def _nothing(values: Tensor) -> Tensor:
    """Zero that still belongs to the graph of ``values``, whatever they hold."""
    return values[:0].sum()
