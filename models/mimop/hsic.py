"""Unbiased Hilbert-Schmidt independence criterion with Gaussian kernels.

Sources: Gretton et al., "Measuring Statistical Dependence with Hilbert-Schmidt Norms", ALT 2005; the unbiased estimator
is equation 5 of Song et al., "Feature Selection via Dependence Maximization", JMLR 13, 2012.
"""

from __future__ import annotations

import torch
from torch import Tensor

FEWEST = 4  # the estimator divides by n - 3


def unbiased_hsic(x: Tensor, y: Tensor) -> Tensor:
    """HSIC of paired samples ``x`` (n, a) and ``y`` (n, b): a scalar, 0 in the mean where they are independent.

    Being unbiased, a single value may be negative. Fewer than four samples say nothing: 0. The bandwidths are
    functions of x alone and of y alone, so that independence still means exactly 0 in the mean.
    ``ValueError``: x and y are not equally many.
    """
    if len(x) != len(y):
        raise ValueError(f"HSIC pairs samples: {len(x)} and {len(y)} do not pair")
    n = len(x)
    if n < FEWEST:
        return (x.sum() + y.sum()) * 0.0
    k, l = _kernel(x), _kernel(y)  # noqa: E741 - the paper's letters
    k_rows, l_rows = k.sum(dim=1), l.sum(dim=1)
    trace = (k * l).sum()
    product = k_rows.sum() * l_rows.sum() / ((n - 1) * (n - 2))
    cross = 2.0 / (n - 2) * (k_rows @ l_rows)
    return (trace + product - cross) / (n * (n - 3))


def _kernel(x: Tensor) -> Tensor:
    """Gaussian kernel (n, n) with an empty diagonal, bandwidth the median distance."""
    squares = _squared_distances(x)
    off_diagonal = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    apart = squares.detach()[off_diagonal]
    # Distances below the rounding of x are no distances: equal rows must not set a bandwidth out of noise.
    precision = torch.finfo(x.dtype)
    rounding = precision.eps * x.detach().square().sum(dim=1).mean() + precision.tiny**0.5
    median = apart.median()
    # Where more than half of the pairs coincide the median is nothing and the mean still has a scale.
    bandwidth = torch.where(median > rounding, median, apart.mean()).clamp_min(rounding)
    return torch.exp(-squares / (2.0 * bandwidth)) * off_diagonal


def _squared_distances(x: Tensor) -> Tensor:
    """Squared distances (n, n), without a root, whose gradient would be infinite between equal rows."""
    centred = x - x.mean(dim=0, keepdim=True).detach()
    norms = centred.square().sum(dim=1)
    return (norms[:, None] + norms[None, :] - 2.0 * centred @ centred.T).clamp_min(0.0)
