"""Scores to log-likelihood ratios by pool adjacent violators: the best rising map, without a formula for it.

Source: Bruemmer and du Preez, "The BOSARIS toolkit: theory, algorithms and code for surviving the new DCF", 2013 (PAV
calibration), and Zadrozny and Elkan, KDD 2002. The ends are kept finite as the toolkit does, by Laplace's rule of
succession: one genuine and one impostor trial are added below all scores and again above all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import logit

from models.evaluation.counts import Scores, checked, count


@dataclass(frozen=True, slots=True)
class PavCurve:
    """A rising broken line from score to natural-log likelihood ratio, level beyond its ends.

    Each pooled block gives the points at its lowest and its highest score; between blocks the line is straight.

    Arguments:
        scores: (k,) strictly rising.
        llrs: (k,) not falling, finite.
    """

    scores: NDArray[np.float64]
    llrs: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Raises ValueError for anything that is no such line."""
        if self.scores.ndim != 1 or self.scores.shape != self.llrs.shape or not len(self.scores):
            raise ValueError("a PAV curve needs as many scores as log-likelihood ratios, and at least one")
        if not (np.isfinite(self.scores).all() and np.isfinite(self.llrs).all()):
            raise ValueError("a PAV curve holds finite numbers only")
        if (np.diff(self.scores) <= 0).any() or (np.diff(self.llrs) < 0).any():
            raise ValueError("a PAV curve rises")

    def __call__(self, scores: Scores) -> Scores:
        """(n,) scores to (n,) log-likelihood ratios.

        Raises:
            ValueError: a score is no number.
        """
        return np.interp(checked(scores, "PAV"), self.scores, self.llrs)

    def to_lists(self) -> tuple[list[float], list[float]]:
        """(scores, llrs) for JSON."""
        return self.scores.tolist(), self.llrs.tolist()

    @classmethod
    def from_lists(cls, scores: list[float], llrs: list[float]) -> PavCurve:
        return cls(np.asarray(scores, dtype=np.float64), np.asarray(llrs, dtype=np.float64))


def fit_pav(genuine: Scores, impostor: Scores) -> PavCurve:
    """Fit on (g,) genuine and (i,) impostor scores, in O(n log n); the classes' shares are taken out.

    Raises:
        ValueError: a class is empty, or a score is not finite.
    """
    counts = count(genuine, impostor)
    if not np.isfinite(counts.thresholds).all():
        raise ValueError("PAV is fitted on finite scores")
    same = np.concatenate([[1.0], counts.genuine_mass, [1.0]])
    whole = same + np.concatenate([[1.0], counts.impostor_mass, [1.0]])
    posterior = isotonic_regression(same / whole, weights=whole).x[1:-1]
    llrs = logit(posterior) - np.log(counts.genuine / counts.impostor)
    changes = np.diff(llrs) > 0
    edges = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
    return PavCurve(counts.thresholds[edges], llrs[edges])
