"""Cosines to log-likelihood ratios by logistic calibration, fitted on some identities and measured on others.

Source: Bruemmer et al., "Fusion of heterogeneous speaker recognition systems", IEEE TASLP 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.evaluation.metrics import cllr, eer, fmr, fnmr

FEWEST_GENUINE = 50
NEARLY_UNREGULARISED = 1e6


class TooFewTrials(Exception):
    """There is too little data to calibrate on."""


@dataclass(frozen=True, slots=True)
class Trials:
    """Cosines of same-person and of different-people comparisons, and how many people they come from."""

    genuine: NDArray[np.float64]
    impostor: NDArray[np.float64]
    identities: int

    def joined(self, other: Trials) -> Trials:
        return Trials(
            np.concatenate([self.genuine, other.genuine]),
            np.concatenate([self.impostor, other.impostor]),
            self.identities + other.identities,
        )


def fit(trials: Trials) -> tuple[float, float]:
    """(slope, offset) of ``llr = slope * cosine + offset``; both classes weigh the same, so the prior is taken out.

    Raises:
        TooFewTrials: fewer than FEWEST_GENUINE same-person comparisons.
        ValueError: the scores do not rise with similarity.
    """
    if len(trials.genuine) < FEWEST_GENUINE:
        raise TooFewTrials(f"{len(trials.genuine)} same-person comparisons; {FEWEST_GENUINE} are needed")
    cosines = np.concatenate([trials.genuine, trials.impostor])[:, None]
    same = np.concatenate([np.ones(len(trials.genuine)), np.zeros(len(trials.impostor))])
    model = LogisticRegression(C=NEARLY_UNREGULARISED, class_weight="balanced", max_iter=1000).fit(cosines, same)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        raise ValueError("the scores do not rise with similarity: these are not comparisons of one model")
    return slope, offset


def measure(trials: Trials, slope: float, offset: float, *, prior: float = 0.01) -> dict[str, float]:
    """Figures on unseen people; FMR and FNMR are taken where the posterior at ``prior`` is one half."""
    genuine, impostor = slope * trials.genuine + offset, slope * trials.impostor + offset
    threshold = float(np.log((1 - prior) / prior))
    return {
        "eer": eer(genuine, impostor),
        "cllr": cllr(genuine, impostor),
        "fmr_at_prior": fmr(impostor, threshold),
        "fnmr_at_prior": fnmr(genuine, threshold),
        "prior": prior,
        "identities": trials.identities,
        "genuine": len(trials.genuine),
        "impostor": len(trials.impostor),
    }


def trials_from(people: dict[str, NDArray[np.float32]], *, enrolled: int) -> Trials:
    """Compare each person's remaining embeddings with everybody's reference.

    Arguments:
        people: unit embeddings (n, width) by name; people with a single one only serve as references.
        enrolled: how many of them make the reference, as the mean scaled to unit norm.
    """
    names = sorted(people)
    references = np.stack([_reference(people[name][: min(enrolled, max(1, len(people[name]) - 1))]) for name in names])
    genuine, impostor = [], []
    for row, name in enumerate(names):
        used = min(enrolled, max(1, len(people[name]) - 1))
        scores = people[name][used:] @ references.T
        genuine.append(scores[:, row])
        impostor.append(np.delete(scores, row, axis=1).ravel())
    return Trials(np.concatenate(genuine).astype(float), np.concatenate(impostor).astype(float), len(names))


def _reference(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = embeddings.mean(0)
    return mean / np.linalg.norm(mean)
