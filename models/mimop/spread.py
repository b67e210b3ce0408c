"""A floor under the variance of a head, so that it cannot become independent by saying nothing.

A constant modality head has an HSIC of 0 with everything. The hinge on the standard deviation of each dimension is the
variance term (equation 1) of Bardes et al., "VICReg", ICLR 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_VARIANCE = 1e-6


def spread_loss(x: Tensor) -> Tensor:
    """How far unit vectors ``x`` (n, d) fall short of the spread of the uniform sphere: a scalar in [0, 1].

    The standard deviation of a coordinate on the uniform sphere is 1 / sqrt(d). Fewer than two rows: 0.
    """
    if len(x) < 2:
        return x.sum() * 0.0
    deviation = torch.sqrt(x.var(dim=0) + SMALLEST_VARIANCE)
    return torch.relu(1.0 - deviation * x.shape[1] ** 0.5).mean()
