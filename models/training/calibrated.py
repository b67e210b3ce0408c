"""Scores of one part as log-likelihood ratios, by what another part shows."""

from __future__ import annotations

from models.evaluation.calibration import fit
from models.evaluation.scores import ScoreSet


def calibrated(scores: ScoreSet, fitted_on: ScoreSet) -> ScoreSet:
    """``scores`` under a logistic calibration fitted on ``fitted_on``, which has to be of other people.

    Raises:
        ValueError: the two share a person, or the scores do not rise with likeness.
    """
    shared = set(scores.identities()) & set(fitted_on.identities())
    if shared:
        raise ValueError(f"{len(shared)} people are in both parts, {min(shared)} for one")
    return scores.with_scores(fit(fitted_on)(scores.score))
