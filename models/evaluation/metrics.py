"""Error rates of biometric comparison, in the terms of ISO/IEC 19795-1. Pure functions of score arrays.

A comparison is a match when its score is at or above the threshold: FMR counts impostor scores >= t, FNMR counts
genuine scores < t.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def fmr(impostor: Scores, threshold: float) -> float:
    """False match rate at ``threshold``."""
    return float(np.mean(impostor >= threshold))


def fnmr(genuine: Scores, threshold: float) -> float:
    """False non-match rate at ``threshold``."""
    return float(np.mean(genuine < threshold))


def eer(genuine: Scores, impostor: Scores) -> float:
    """Equal error rate: where FMR and FNMR, as step functions of the threshold, come closest; their mean there."""
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    false_matches = 1.0 - np.searchsorted(np.sort(impostor), thresholds, side="left") / len(impostor)
    false_non_matches = np.searchsorted(np.sort(genuine), thresholds, side="left") / len(genuine)
    at = int(np.argmin(np.abs(false_matches - false_non_matches)))
    return float((false_matches[at] + false_non_matches[at]) / 2)


def cllr(genuine_llr: Scores, impostor_llr: Scores) -> float:
    """Cost of log-likelihood ratios in bits (Bruemmer and du Preez, 2006); 1 is what no information costs.

    Arguments are natural-log likelihood ratios. ``logaddexp`` keeps large ones finite.
    """
    misses = np.mean(np.logaddexp(0.0, -genuine_llr))
    false_alarms = np.mean(np.logaddexp(0.0, impostor_llr))
    return float((misses + false_alarms) / (2 * np.log(2)))
