"""The context as networks take it: scaled by what the training people show, with gaps closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.features import Array, Features
from models.data.people import Person

# Beyond this many standard deviations a value is an outlier of the measurement, and would only shake the training.
LARGEST = 5.0


@dataclass(frozen=True, slots=True)
class ContextScaler:
    """``mean`` and ``deviation`` (218,) of the training people; values that nobody shows have mean 0, deviation 1."""

    mean: Array
    deviation: Array

    def __call__(self, context: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(n, 218) z-scored with NaN set to 0, the mean, and (n,) whether anything was measured at all."""
        measured = np.isfinite(context)
        scaled = np.where(measured, (context - self.mean) / self.deviation, 0.0)
        return np.clip(scaled, -LARGEST, LARGEST).astype(np.float32), np.asarray(measured.any(axis=1))


def scaler_of(features: Features, people: list[Person]) -> ContextScaler:
    """Fitted on the samples of ``people``, which have to be the training people and nobody else."""
    parts = []
    for side, rows in (
        (features.voice, [person.voice for person in people]),
        (features.face, [person.face for person in people]),
    ):
        values = side.context[np.concatenate(rows)] if rows else side.context[:0]
        parts.append(_moments(values.astype(np.float64)))
    mean, deviation = (np.concatenate([part[index] for part in parts]).astype(np.float32) for index in (0, 1))
    return ContextScaler(mean, deviation)


def _moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    measured = np.isfinite(values)
    count = np.maximum(measured.sum(0), 1)
    filled = np.where(measured, values, 0.0)
    mean = filled.sum(0) / count
    variance = (np.where(measured, values - mean, 0.0) ** 2).sum(0) / count
    return mean, np.where(variance > 1e-12, np.sqrt(np.maximum(variance, 1e-12)), 1.0)
