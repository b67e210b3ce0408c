"""The nearest vector that has at least given inner products with a few gradients.

Least-distance programming through non-negative least squares: Lawson and Hanson, "Solving Least Squares Problems", 1974,
chapter 23. It works on the gradients' Gram matrix, so that its cost does not grow with the number of parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

# Added to the Gram matrix of the unit gradients. Each demand then gives way to the length of its share: gradients so nearly
# opposite that only an endless vector meets both demands are not followed there. A demand on a unit gradient is missed by
# at most sqrt(RIDGE) times the reach.
RIDGE = 1e-13


def multipliers(gram: Array, shortfall: Array, reach: float) -> Array | None:
    """The lambda >= 0 for which v = u + sum_k lambda_k g_k is the vector nearest to u with <v, g_k> >= demand_k.

    Arguments:
        gram: (K, K), <g_j, g_k>.
        shortfall: (K,), demand_k - <u, g_k>: what u itself lacks.
        reach: how far from u the vector may be, positive.

    Returns:
        (K,), or None where no such vector lies within ``reach`` (or none at all: demands may contradict each other).
    """
    norms = np.sqrt(np.clip(np.diag(gram), 0.0, None))
    deaf = norms == 0
    if (shortfall[deaf] > 0).any():
        return None
    if (shortfall <= 0).all():
        return np.zeros(len(gram))
    unit = np.where(deaf, 1.0, norms)
    values, vectors = np.linalg.eigh(gram / np.outer(unit, unit))
    root = np.sqrt(np.clip(values, 0.0, None) + RIDGE)[:, None] * vectors.T
    wanted = np.where(deaf, 0.0, shortfall / unit / reach)
    system = np.vstack([root, wanted])
    # The residual's last entry is 1 / (1 + distance^2), in units of the reach: one half at the reach, zero if impossible.
    y, _ = nnls(system, np.eye(len(system))[-1])
    remaining = 1.0 - float(wanted @ y)
    return reach * y / remaining / unit if remaining >= 0.5 else None
