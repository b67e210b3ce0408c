"""Conflict-averse gradients: the step near the mean gradient that helps the worst-off task most.

Source: Liu et al., "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS 2021, equation 3 (the step) and
algorithm 1 (its dual, min over the simplex of <g_w, g_0> + c ||g_0|| ||g_w||).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.cosmic.balancing.nearest import Array, multipliers

# How closely the worst task's improvement is found, where the gradients' mean square norm is 1.
TOLERANCE = 1e-12


def cagrad(gradients: Tensor, c: float = 0.4) -> Tensor:
    """The d that maximises the least improvement min_k <g_k, d> over ||d - g_0|| <= c ||g_0||, g_0 the mean gradient.

    It equals g_0 + c ||g_0|| g_w / ||g_w|| for the w that solves the dual, as algorithm 1 states it, without the rescaling
    by 1 / (1 + c^2) that some implementations add: the step's length is the optimiser's affair. Where the dual's optimum
    is at g_w = 0 (no step helps every task) that fraction has no value; d is then the maximiser nearest to g_0.

    Arguments:
        gradients: (K, P), one row a task.
        c: how far from the mean gradient the step may go, in [0, 1); 0 is the mean gradient itself.

    Returns:
        (P,), on the gradients' device and in their type.

    Raises:
        ValueError: ``c`` is outside [0, 1), or a gradient is not finite.
    """
    if not 0 <= c < 1:
        raise ValueError(f"c is {c}; CAGrad converges for 0 <= c < 1")
    exact = gradients.detach().double()
    gram = (exact @ exact.T).cpu().numpy()
    if not np.isfinite(gram).all():
        raise ValueError("a task's gradient is not finite")
    combination = torch.as_tensor(coefficients(gram, c), device=gradients.device)
    return (combination @ exact).to(gradients.dtype)


def coefficients(gram: Array, c: float) -> Array:
    """The (K,) weights of the gradients in d, from their (K, K) Gram matrix.

    For a fixed least improvement t the nearest d to g_0 is a least-distance programme, and its distance grows with t: the
    largest t within the radius is found by bisection. Unlike descent on the dual, this needs no gradient at g_w = 0.
    """
    tasks = len(gram)
    mean = np.full(tasks, 1 / tasks)
    scale = float(np.trace(gram)) / tasks
    if scale == 0:
        return mean
    gram = gram / scale
    improvements = gram @ mean
    radius = c * float(np.sqrt(max(mean @ improvements, 0.0)))
    added = np.zeros(tasks)
    if radius <= TOLERANCE:
        return mean
    # Weak duality at w = mean bounds what any step within the radius gives the worst task.
    least, most = float(improvements.min()), float(mean @ improvements) * (1 + c)
    while most - least > TOLERANCE:
        middle = (least + most) / 2
        found = multipliers(gram, middle - improvements, radius)
        if found is None:
            most = middle
        else:
            least, added = middle, found
    return mean + added
