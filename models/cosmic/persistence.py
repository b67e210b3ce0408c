"""Zero-dimensional persistence of identities: clusters that form early, and stay apart long.

In the Vietoris-Rips filtration every point is born at 0, and components die at the edge lengths of the minimum spanning
tree. Sources: Edelsbrunner and Harer, "Computational Topology", 2010, VII; Hofer et al., "Connectivity-Optimized
Representation Learning via Persistent Homology", ICML 2019 (gradients through death times).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist
from torch import Tensor


def merge_lengths(points: Tensor) -> Tensor:
    """Death times of H0, ascending: (n, d) to (n - 1,), empty for fewer than two points.

    Which edges merge is decided without gradients; their Euclidean lengths are differentiable, with gradient zero
    between points that coincide.
    """
    starts, ends = _tree(points.detach())
    squared = (points[starts] - points[ends]).square().sum(1)
    apart = squared > 0
    # The root of a stand-in where the length is zero: 0 times an infinite slope would be NaN.
    lengths = torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
    return lengths.sort().values


def persistence_loss(identities: Tensor, labels: Tensor, *, margin: float = 1.0) -> Tensor:
    """Within an identity components merge early, between identities late.

    Arguments:
        identities: (n, d), unit vectors.
        labels: (n,), which identity each is of.
        margin: chord length below which two identities may not merge; 1 is 60 degrees.

    Returns:
        Scalar: the mean over identities of their mean merge length, plus the mean hinge ``margin - length`` over the
        merges of the identities' directions (their normalised centroids: a plain centroid is the shorter the wider an
        identity scatters, and would mix the two aims). Either part is zero where it has nothing to merge.
    """
    groups = [identities[labels == label] for label in labels.unique()]
    within = [merge_lengths(group).mean() for group in groups if len(group) > 1]
    loss = identities[:0].sum()
    if within:
        loss = loss + torch.stack(within).mean()
    if len(groups) > 1:
        directions = F.normalize(torch.stack([group.mean(0) for group in groups]), dim=1, eps=1e-6)
        loss = loss + F.relu(margin - merge_lengths(directions)).mean()
    return loss


def _tree(points: Tensor) -> tuple[Tensor, Tensor]:
    """Both ends of every edge of the minimum spanning tree, two (n - 1,) of indices on the points' device.

    A spanning tree depends on the order of the lengths alone, so that the solver is given ranks. They are never zero,
    which scipy reads as no edge, and ties are broken in the same way every time.
    """
    count = len(points)
    if count < 2:
        nothing = torch.zeros(0, dtype=torch.long, device=points.device)
        return nothing, nothing
    lengths = pdist(points.cpu().double().numpy())
    rows, columns = np.triu_indices(count, k=1)
    order = np.argsort(lengths, kind="stable")
    ranks = np.zeros((count, count))
    ranks[rows[order], columns[order]] = np.arange(1, len(order) + 1)
    edges = minimum_spanning_tree(ranks).tocoo()
    starts, ends = (torch.as_tensor(end.astype(np.int64), device=points.device) for end in (edges.row, edges.col))
    return starts, ends
