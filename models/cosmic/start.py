"""Where training starts: tokens on the principal axes of the training embeddings, and a solver that passes them on.

The frozen networks were trained on millions of people, and their cosines already tell people apart. A network that
starts at random has to find that again from a few hundred people, and does not; one that starts as a linear map which
keeps the cosines only has to improve on it.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.cosmic.cge import ConvexEnergySolver
from models.cosmic.ka_spline import KASpline, bspline_basis
from models.cosmic.model import Cosmic, LinearProjection

FACE_SHARE = 2 / 3  # of the identity's dimensions; faces tell people apart better than voices do
TARGET_WEIGHT = 0.1  # alpha at the start: attention knows nothing yet
GRID_POINTS = 401


@torch.no_grad()
def start_from(model: Cosmic, face: Tensor, voice: Tensor) -> None:
    """Start ``model`` from embeddings (n, width) of the training people, and nobody else's."""
    _start_projection(model.face, face)
    _start_projection(model.voice, voice)
    if model.solver is not None:
        _start_solver(model.solver)


def principal_axes(x: Tensor, count: int) -> Tensor:
    """(count, width) leading principal axes of rows ``x`` less what they all share, their mean direction.

    Zeros where there are fewer axes than asked for.
    """
    x = x.double()
    shared = F.normalize(x.mean(0), dim=0)
    own = x - (x @ shared)[:, None] * shared
    _, ascending = torch.linalg.eigh(own.T @ own)
    axes = ascending.T.flip(0)[: min(count, x.shape[1] - 1)]
    return F.pad(axes, (0, 0, 0, count - len(axes)))


def _start_projection(projection: nn.Module, sample: Tensor) -> None:
    """Make the projection the linear map onto the principal axes of what it sees, the normalised embeddings."""
    if isinstance(projection, LinearProjection):
        weight = projection.linear.weight
        weight.copy_(principal_axes(projection.normalise(sample), len(weight)))
        projection.linear.bias.zero_()
    elif isinstance(projection, KASpline):
        axes = principal_axes(projection.norm(sample), len(projection.base)).to(projection.base)
        projection.base.copy_(axes)
        projection.coefficients.copy_(axes[:, :, None] * _straightening(projection))


def _straightening(projection: KASpline) -> Tensor:
    """Spline coefficients (k,) for which silu(x) plus the spline is x itself over the grid, by least squares."""
    knots = projection.knots.double()
    ends = (knots[projection.order], knots[-1 - projection.order])
    x = torch.linspace(float(ends[0]), float(ends[1]), GRID_POINTS, dtype=torch.float64, device=knots.device)
    basis = bspline_basis(x, knots, projection.order)
    return torch.linalg.lstsq(basis, (x - F.silu(x))[:, None]).solution[:, 0].to(projection.base)


def _start_solver(solver: ConvexEnergySolver) -> None:
    """Face and voice on dimensions of their own, their leading axes each, so that neither disturbs the other."""
    hidden, identity = solver.rho_face.shape
    faces = min(hidden, round(FACE_SHARE * identity))
    voices = min(hidden, identity - faces)
    solver.rho_face.zero_()
    solver.rho_voice.zero_()
    solver.rho_face[range(faces), range(faces)] = 1.0
    solver.rho_voice[range(voices), range(faces, faces + voices)] = 1.0
    solver.raw_alpha.fill_(math.log(math.expm1(TARGET_WEIGHT)))
