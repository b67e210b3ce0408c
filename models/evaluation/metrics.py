"""Error rates of biometric comparison, in the terms of ISO/IEC 19795-1. Pure functions of score arrays.

A comparison is a match when its score is at or above the threshold: FMR counts impostor scores >= t, FNMR counts
genuine scores < t. Every function raises ValueError for a class that is empty or holds a score that is no number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from models.evaluation import weighted
from models.evaluation.counts import Scores, checked, count
from models.evaluation.errors import TooFewTrials


class Rule(IntEnum):
    """How many errors a rate has to rest on.

    THIRTY errors put the true rate within 30 % of the measured one with 90 % confidence (Doddington et al., "The NIST
    speaker recognition evaluation", Speech Communication 2000). With THREE / rate trials and no error, the true
    rate is below ``rate`` with 95 % confidence. Both are ISO/IEC 19795-1's and take trials to be independent.
    """

    THIRTY = 30
    THREE = 3

    def trials(self, rate: float) -> int:
        """How many trials a rate takes.

        Raises:
            ValueError: the rate is not in (0, 1].
        """
        if not 0 < rate <= 1:
            raise ValueError(f"a rate lies in (0, 1], {rate} does not")
        return math.ceil(self / rate - 1e-9)  # 30 / 1e-3 must not be rounded up to 30,001


@dataclass(frozen=True, slots=True)
class Rates:
    """(k,) FMR and FNMR at rising thresholds; the last one is infinite, where nothing matches."""

    thresholds: Scores
    fmr: Scores
    fnmr: Scores


def fmr(impostor: Scores, threshold: float) -> float:
    """False match rate at ``threshold``."""
    return float(np.mean(checked(impostor, "impostor") >= _number(threshold)))


def fnmr(genuine: Scores, threshold: float) -> float:
    """False non-match rate at ``threshold``."""
    return float(np.mean(checked(genuine, "genuine") < _number(threshold)))


def eer(genuine: Scores, impostor: Scores) -> float:
    """Equal error rate: where FMR and FNMR, as step functions of the threshold, come closest; their mean there."""
    return weighted.eer(count(genuine, impostor))


def auc(genuine: Scores, impostor: Scores) -> float:
    """Area under the ROC curve: the probability that a genuine score exceeds an impostor score, ties counting half."""
    return weighted.auc(count(genuine, impostor))


def cllr(genuine_llr: Scores, impostor_llr: Scores) -> float:
    """Cost of log-likelihood ratios in bits (Bruemmer and du Preez, 2006); 1 is what no information costs.

    Arguments are natural-log likelihood ratios. ``logaddexp`` keeps large ones finite.
    """
    misses = np.mean(np.logaddexp(0.0, -checked(genuine_llr, "genuine")))
    false_alarms = np.mean(np.logaddexp(0.0, checked(impostor_llr, "impostor")))
    return float((misses + false_alarms) / (2 * np.log(2)))


def min_cllr(genuine: Scores, impostor: Scores) -> float:
    """What of C_llr no rising recalibration can take away (Bruemmer and du Preez, 2006): the cost of discrimination.

    The best recalibration is found by pool adjacent violators on these very scores, so this is a bound, not a
    promise for other data. Scores may be any that rise with similarity.
    """
    return weighted.min_cllr(count(genuine, impostor))


def rule_of_30(fmr: float) -> int:
    """How many impostor trials a false match rate takes."""
    return Rule.THIRTY.trials(fmr)


def threshold_at_fmr(impostor: Scores, fmr: float, *, rule: Rule = Rule.THIRTY) -> float:
    """The lowest threshold at which at most a share ``fmr`` of the impostor scores match.

    It lies just above an impostor score, so that scores equal to that one do not match.

    Raises:
        TooFewTrials: there are fewer impostor trials than ``rule`` asks for.
    """
    impostor = checked(impostor, "impostor")
    needed = rule.trials(fmr)
    if len(impostor) < needed:
        raise TooFewTrials(f"impostor trials for FMR {fmr:g}", available=len(impostor), needed=needed)
    allowed = math.floor(fmr * len(impostor))
    allowed += (allowed + 1) / len(impostor) <= fmr  # 0.29 * 100 is 28.999...
    if allowed >= len(impostor):
        return -math.inf
    first_refused = np.partition(impostor, len(impostor) - 1 - allowed)[len(impostor) - 1 - allowed]
    return float(np.nextafter(first_refused, np.inf))


def fnmr_at_fmr(genuine: Scores, impostor: Scores, fmr: float, *, rule: Rule = Rule.THIRTY) -> tuple[float, float]:
    """(FNMR, threshold) at the lowest threshold at which at most a share ``fmr`` of the impostor scores match.

    Raises:
        TooFewTrials: there are fewer impostor trials than ``rule`` asks for.
    """
    threshold = threshold_at_fmr(impostor, fmr, rule=rule)
    return fnmr(genuine, threshold), threshold


def det_points(genuine: Scores, impostor: Scores) -> Rates:
    """FMR and FNMR at every distinct score taken as a threshold, from everything matches to nothing matches."""
    counts = count(genuine, impostor)
    return Rates(np.append(counts.thresholds, np.inf), counts.fmr, counts.fnmr)


def roc_points(genuine: Scores, impostor: Scores) -> tuple[Scores, Scores]:
    """(FMR, true match rate), each (k,), both rising from 0 to 1."""
    rates = det_points(genuine, impostor)
    return rates.fmr[::-1], 1 - rates.fnmr[::-1]


def effective_rank(matrix: NDArray[np.floating]) -> float:
    """The exponential of the entropy of the normalised singular values (Roy and Vetterli, EUSIPCO 2007), in [1, rank].

    Arguments:
        matrix: (n, d), one embedding a row; nothing is centred here.

    Raises:
        ValueError: it is no matrix of finite numbers, or holds only zeros.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ValueError("a matrix of finite numbers is needed")
    singular = np.linalg.svd(matrix, compute_uv=False)
    if not singular.sum() > 0:
        raise ValueError("a matrix of zeros has no rank")
    shares = singular / singular.sum()
    shares = shares[shares > 0]
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _number(threshold: float) -> float:
    if math.isnan(threshold):
        raise ValueError("the threshold is no number")
    return threshold
