"""The secret rotation under which vectors lie in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from apps.identities.vault import derived_seed


def rotated(vector: Sequence[float]) -> list[float]:
    values = np.asarray(vector, np.float64)
    return (_rotation(len(values), derived_seed(f"rotation:{len(values)}")) @ values).tolist()


@cache
def _rotation(width: int, seed: int) -> np.ndarray:
    """A random orthogonal matrix (width, width), the same for one seed (Mezzadri, 2007)."""
    noise = np.random.default_rng(seed).standard_normal((width, width))
    orthogonal, triangle = np.linalg.qr(noise)
    return orthogonal * np.sign(np.diag(triangle))
