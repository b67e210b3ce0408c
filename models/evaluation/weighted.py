"""Statistics of weighted error counts: what a bootstrap computes for every draw. Pure functions of ``ErrorCounts``.

Every one of them, at weights of one, is the function of the same name in ``metrics``; whole-number weights are the
same as repeating trials.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import xlogy

from models.evaluation.counts import ErrorCounts, Scores

Statistic = Callable[[ErrorCounts], float]


def eer(counts: ErrorCounts) -> float:
    """Where FMR and FNMR come closest; their mean there, at the lowest of such thresholds."""
    # Multiplied out instead of divided, so that equal distances stay equal and rounding does not choose.
    distances = np.abs(counts.matched * counts.genuine - counts.missed * counts.impostor)
    at = int(np.argmin(distances))
    return float((counts.fmr[at] + counts.fnmr[at]) / 2)


def auc(counts: ErrorCounts) -> float:
    """Probability that a genuine score lies above an impostor score; equal ones count half."""
    impostor_below = counts.impostor - counts.matched[:-1]
    wins = np.sum(counts.genuine_mass * (impostor_below + counts.impostor_mass / 2))
    return float(wins / (counts.genuine * counts.impostor))


def cllr(counts: ErrorCounts) -> float:
    """Cost of log-likelihood ratios in bits, where the scores are natural-log likelihood ratios."""
    genuine, impostor = counts.genuine_mass, counts.impostor_mass
    misses = genuine[genuine > 0] @ np.logaddexp(0.0, -counts.thresholds[genuine > 0]) / counts.genuine
    false_alarms = impostor[impostor > 0] @ np.logaddexp(0.0, counts.thresholds[impostor > 0]) / counts.impostor
    return float((misses + false_alarms) / (2 * np.log(2)))


def min_cllr(counts: ErrorCounts) -> float:
    """C_llr after the best rising recalibration, which pool adjacent violators finds."""
    genuine, impostor = _runs(counts.genuine_mass / counts.genuine, counts.impostor_mass / counts.impostor)
    whole = genuine + impostor
    posterior = isotonic_regression(genuine / whole, weights=whole).x.clip(0.0, 1.0)
    cost = xlogy(genuine, posterior).sum() + xlogy(impostor, 1 - posterior).sum()
    return float(-cost / (2 * np.log(2)))


def _runs(genuine: Scores, impostor: Scores) -> tuple[Scores, Scores]:
    """The masses without empty thresholds, neighbours of one class alone put together: the violators stay the same and
    far fewer are left to pool."""
    seen = (genuine > 0) | (impostor > 0)
    genuine, impostor = genuine[seen], impostor[seen]
    kind = np.where(impostor == 0, 1, np.where(genuine == 0, -1, 0))
    starts = np.flatnonzero(np.concatenate([[True], (kind[1:] != kind[:-1]) | (kind[1:] == 0)]))
    return np.add.reduceat(genuine, starts), np.add.reduceat(impostor, starts)


def fnmr_at_fmr(target: float) -> Statistic:
    """FNMR at the lowest threshold whose FMR is at most ``target``."""

    def statistic(counts: ErrorCounts) -> float:
        return float(counts.fnmr[np.argmax(counts.fmr <= target)])

    return statistic


def fmr_at(threshold: float) -> Statistic:
    """FMR at a threshold."""

    def statistic(counts: ErrorCounts) -> float:
        return float(counts.fmr[np.searchsorted(counts.thresholds, threshold, side="left")])

    return statistic


def fnmr_at(threshold: float) -> Statistic:
    """FNMR at a threshold."""

    def statistic(counts: ErrorCounts) -> float:
        return float(counts.fnmr[np.searchsorted(counts.thresholds, threshold, side="left")])

    return statistic
