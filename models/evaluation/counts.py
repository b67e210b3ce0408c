"""Errors at every threshold, counted with weights: the one table that all error rates are read from.

A comparison is a match when its score is at or above the threshold. Scores are sorted once (``Sweep.of``); the errors
under any weights of the trials then cost one pass (``Sweep.counts``), which is what a bootstrap repeats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Weighted errors at t distinct scores taken as thresholds, and at one beyond the largest, where nothing matches.

    Arguments:
        thresholds: (t,) rising.
        missed: (t + 1,) weight of genuine scores below each threshold.
        matched: (t + 1,) weight of impostor scores at or above each threshold.
        genuine, impostor: the whole weight of each class.
    """

    thresholds: Scores
    missed: Scores
    matched: Scores
    genuine: float
    impostor: float

    @property
    def fnmr(self) -> Scores:
        return self.missed / self.genuine

    @property
    def fmr(self) -> Scores:
        return self.matched / self.impostor

    @property
    def genuine_mass(self) -> Scores:
        """(t,) weight of genuine scores that equal each threshold."""
        return np.diff(self.missed)

    @property
    def impostor_mass(self) -> Scores:
        """(t,) weight of impostor scores that equal each threshold."""
        return -np.diff(self.matched)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Scores of both classes in order, and where each threshold falls among them."""

    thresholds: Scores
    genuine_order: NDArray[np.intp]
    impostor_order: NDArray[np.intp]
    genuine_below: NDArray[np.intp]
    impostor_below: NDArray[np.intp]

    @classmethod
    def of(cls, genuine: Scores, impostor: Scores) -> Sweep:
        """Sort (g,) genuine and (i,) impostor scores, in O(n log n).

        Raises:
            ValueError: a class is empty or holds a score that is no number.
        """
        genuine, impostor = checked(genuine, "genuine"), checked(impostor, "impostor")
        genuine_order, impostor_order = np.argsort(genuine), np.argsort(impostor)
        thresholds = np.unique(np.concatenate([genuine, impostor]))
        return cls(
            thresholds,
            genuine_order,
            impostor_order,
            np.append(np.searchsorted(genuine[genuine_order], thresholds, side="left"), len(genuine)),
            np.append(np.searchsorted(impostor[impostor_order], thresholds, side="left"), len(impostor)),
        )

    def counts(self, genuine_weights: Scores, impostor_weights: Scores) -> ErrorCounts:
        """Errors when each trial counts as often as its weight says; weights are given in the order of the scores."""
        genuine = np.concatenate([[0.0], np.cumsum(genuine_weights[self.genuine_order])])
        impostor = np.concatenate([[0.0], np.cumsum(impostor_weights[self.impostor_order])])
        missed = genuine[self.genuine_below]
        matched = impostor[-1] - impostor[self.impostor_below]
        return ErrorCounts(self.thresholds, missed, matched, float(genuine[-1]), float(impostor[-1]))


def count(genuine: Scores, impostor: Scores) -> ErrorCounts:
    """Errors at every threshold, each trial counted once.

    Raises:
        ValueError: a class is empty or holds a score that is no number.
    """
    sweep = Sweep.of(genuine, impostor)
    return sweep.counts(np.ones(len(sweep.genuine_order)), np.ones(len(sweep.impostor_order)))


def checked(scores: Scores, what: str) -> Scores:
    """The scores as float64; one that is no number would compare as a match in one rate and as a miss in another.

    Raises:
        ValueError: they are not one row, empty, or hold a NaN.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or not len(scores):
        raise ValueError(f"{what} scores: one row with at least one score is needed, not shape {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError(f"{what} scores: {int(np.isnan(scores).sum())} of {len(scores)} are no numbers")
    return scores
