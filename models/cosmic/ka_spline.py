"""Kolmogorov-Arnold projection: every edge from input to output carries a learned one-dimensional function.

Source: Liu et al., "KAN: Kolmogorov-Arnold Networks", 2024, equations 2.10 to 2.12; the basis by the recursion of
Cox and de Boor.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Splines begin as a small correction of the silu part, so that the first steps are those of a plain layer.
SPLINE_SCALE = 0.1


def bspline_basis(x: Tensor, knots: Tensor, order: int) -> Tensor:
    """Values of all B-splines of degree ``order`` at ``x``.

    Arguments:
        x: (..., in), any real numbers.
        knots: (intervals + 2 * order + 1,), strictly increasing; the grid, extended by ``order`` knots on both sides.
        order: degree of the polynomials; 3 is cubic.

    Returns:
        (..., in, intervals + order), non-negative. They sum to one on the grid, fade out over the ``order`` intervals
        on each side of it, and are zero beyond.
    """
    at = x.unsqueeze(-1)
    basis = ((at >= knots[:-1]) & (at < knots[1:])).to(x.dtype)
    for degree in range(1, order + 1):
        rising = (at - knots[: -degree - 1]) / (knots[degree:-1] - knots[: -degree - 1])
        falling = (knots[degree + 1 :] - at) / (knots[degree + 1 :] - knots[1:-degree])
        basis = rising * basis[..., :-1] + falling * basis[..., 1:]
    return basis


class KASpline(nn.Module):
    """(B, in) to (B, out): ``y = W_b silu(x) + sum_k c_k B_k(x)`` of the layer-normalised input.

    Arguments:
        in_width, out_width: widths of input and output.
        intervals: how many pieces the grid over [-span, span] has.
        order: degree of the splines.
        span: half the width of the grid, in standard deviations of the normalised input. Beyond the grid the splines
            fade to zero and the silu part carries on alone.
    """

    knots: Tensor

    def __init__(self, in_width: int, out_width: int, *, intervals: int = 5, order: int = 3, span: float = 2.0) -> None:
        super().__init__()
        self.order = order
        self.norm = nn.LayerNorm(in_width)
        steps = torch.arange(-order, intervals + order + 1, dtype=torch.float64)
        self.register_buffer("knots", (steps * (2 * span / intervals) - span).to(torch.get_default_dtype()))
        self.base = nn.Parameter(torch.empty(out_width, in_width))
        self.coefficients = nn.Parameter(torch.empty(out_width, in_width, intervals + order))
        nn.init.kaiming_uniform_(self.base, a=math.sqrt(5))
        nn.init.normal_(self.coefficients, std=SPLINE_SCALE / math.sqrt(in_width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        basis = bspline_basis(x, self.knots, self.order)
        features = torch.cat([F.silu(x), basis.flatten(1)], dim=1)
        weight = torch.cat([self.base, self.coefficients.flatten(1)], dim=1)
        return F.linear(features, weight)
