"""Scores to log-likelihood ratios, logistic or by pool adjacent violators: fitted on some people, measured on others.

Sources: Bruemmer et al., "Fusion of heterogeneous speaker recognition systems", IEEE TASLP 2007 (logistic); Bruemmer and
du Preez, "The BOSARIS toolkit", 2013 (PAV, see ``pav``). Thresholds are set on the part that the map was fitted on;
every rate that is reported comes from the other part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.evaluation import weighted
from models.evaluation.counts import Scores, checked
from models.evaluation.decision import Stakes
from models.evaluation.errors import TooFewTrials
from models.evaluation.intervals import DRAWS, bootstrap, never_certain, rates_at
from models.evaluation.metrics import Rule, threshold_at_fmr
from models.evaluation.pav import PavCurve, fit_pav
from models.evaluation.record import Decision, FmrPoint, Measured, Method, Operating, ScoreMap, TrialCounts
from models.evaluation.scores import ScoreSet

FEWEST_GENUINE = 50
NEARLY_UNREGULARISED = 1e6
FMR_POINTS = (1e-2, 1e-3, 1e-4)


@dataclass(frozen=True, slots=True)
class Logistic:
    """``llr = slope * score + offset``."""

    slope: float
    offset: float

    def __call__(self, scores: Scores) -> Scores:
        """(n,) scores to (n,) natural-log likelihood ratios.

        Raises:
            ValueError: a score is no number.
        """
        return self.slope * checked(scores, "logistic") + self.offset


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Both maps of one fit, or only the logistic one; ``method`` says which applies."""

    method: Method
    logistic: Logistic
    pav: PavCurve | None = None

    def __call__(self, scores: Scores) -> Scores:
        """(n,) scores to (n,) natural-log likelihood ratios.

        Raises:
            ValueError: a score is no number.
        """
        return self.logistic(scores) if self.pav is None else self.pav(scores)

    @property
    def score_map(self) -> ScoreMap:
        """The same map for a record."""
        scores, llrs = self.pav.to_lists() if self.pav is not None else ([], [])
        return ScoreMap(self.method, self.logistic.slope, self.logistic.offset, tuple(scores), tuple(llrs))


def fit_logistic(genuine: Scores, impostor: Scores) -> Logistic:
    """Logistic regression in which both classes weigh the same, so that the prior is taken out.

    Raises:
        TooFewTrials: fewer than FEWEST_GENUINE same-person comparisons.
        ValueError: the scores do not rise with similarity.
    """
    genuine, impostor = checked(genuine, "genuine"), checked(impostor, "impostor")
    if len(genuine) < FEWEST_GENUINE:
        raise TooFewTrials("same-person comparisons", available=len(genuine), needed=FEWEST_GENUINE)
    scores = np.concatenate([genuine, impostor])[:, None]
    same = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    model = LogisticRegression(C=NEARLY_UNREGULARISED, class_weight="balanced", max_iter=1000).fit(scores, same)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        raise ValueError("the scores do not rise with similarity: these are not comparisons of one model")
    return Logistic(slope, offset)


def fit(score_set: ScoreSet, method: Method = Method.LOGISTIC) -> Calibrator:
    """Fit the map on all trials of ``score_set``.

    Raises:
        TooFewTrials: fewer than FEWEST_GENUINE same-person comparisons.
        ValueError: the scores do not rise with similarity.
    """
    genuine, impostor = score_set.genuine_scores(), score_set.impostor_scores()
    logistic = fit_logistic(genuine, impostor)
    return Calibrator(method, logistic, fit_pav(genuine, impostor) if method is Method.PAV else None)


def measure(
    calibrator: Calibrator,
    fitted_on: ScoreSet,
    held_out: ScoreSet,
    *,
    stakes: Stakes,
    fmrs: Sequence[float] | None = None,
    rule: Rule = Rule.THIRTY,
    seed: int = 0,
    draws: int = DRAWS,
) -> Measured:
    """Figures of a calibration on people it was not fitted on.

    Arguments:
        fmrs: the FMR points that thresholds are wanted for; None for those of FMR_POINTS that the trials support.

    Raises:
        TooFewTrials: one of ``fmrs`` takes more impostor trials than one of the parts has.
        ValueError: the parts share a person.
    """
    shared = set(fitted_on.identities()) & set(held_out.identities())
    if shared:
        raise ValueError(f"{len(shared)} people are in both parts, {min(shared)} for one")
    if fmrs is None:
        fmrs = supported(min(trial_counts(part).impostor for part in (fitted_on, held_out)), rule)
    for part, what in ((fitted_on, "to set a threshold"), (held_out, "to measure it")):
        _check_trials(part, fmrs, rule, what)
    known, unseen = (part.with_scores(calibrator(part.score)) for part in (fitted_on, held_out))

    def operating(threshold: float) -> Operating:
        return Operating(threshold, *rates_at(unseen, threshold, seed=seed, draws=draws))

    return Measured(
        trials=trial_counts(held_out),
        eer=never_certain(bootstrap(held_out, weighted.eer, seed=seed, draws=draws), len(held_out.identities())),
        cllr=bootstrap(unseen, weighted.cllr, seed=seed, draws=draws),
        min_cllr=bootstrap(held_out, weighted.min_cllr, seed=seed, draws=draws),
        decision=Decision(
            stakes.prior, stakes.cost_false_match, stakes.cost_false_non_match, operating(stakes.threshold)
        ),
        thresholds=tuple(
            FmrPoint(fmr, operating(threshold_at_fmr(known.impostor_scores(), fmr, rule=rule))) for fmr in fmrs
        ),
    )


def supported(impostor_trials: int, rule: Rule = Rule.THIRTY) -> tuple[float, ...]:
    """Those of FMR_POINTS that so many impostor trials support."""
    return tuple(fmr for fmr in FMR_POINTS if rule.trials(fmr) <= impostor_trials)


def trial_counts(score_set: ScoreSet) -> TrialCounts:
    genuine = int(score_set.genuine.sum())
    return TrialCounts(len(score_set.identities()), genuine, len(score_set) - genuine)


def trials_from(people: Mapping[str, NDArray[np.float32]], *, enrolled: int, name: str, group: str = "") -> ScoreSet:
    """Compare each person's remaining embeddings with everybody's reference, by cosine.

    Arguments:
        people: unit embeddings (n, width) by name; people with a single one only serve as references.
        enrolled: how many of them make the reference, as the mean scaled to unit norm.

    Raises:
        TooFewTrials: fewer than two people, or none of them with two samples.
    """
    names = np.array(sorted(people))
    if len(names) < 2:
        raise TooFewTrials("people", available=len(names), needed=2)
    used = [min(enrolled, max(1, len(people[name]) - 1)) for name in names]
    references = np.stack([_reference(people[name][:count]) for name, count in zip(names, used, strict=True)])
    probes = np.concatenate([people[name][count:] for name, count in zip(names, used, strict=True)])
    if not len(probes):
        raise TooFewTrials("people with two samples", available=0, needed=1)
    owners = np.repeat(names, [len(people[name]) - count for name, count in zip(names, used, strict=True)])
    return ScoreSet.of(
        (probes @ references.T).ravel(),
        np.repeat(owners, len(names)),
        np.tile(names, len(probes)),
        name=name,
        group=group,
    )


def _reference(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = embeddings.mean(0)
    return mean / np.linalg.norm(mean)


def _check_trials(part: ScoreSet, fmrs: Sequence[float], rule: Rule, what: str) -> None:
    available = trial_counts(part).impostor
    for fmr in fmrs:
        needed = rule.trials(fmr)
        if available < needed:
            raise TooFewTrials(f"impostor trials {what} for FMR {fmr:g}", available=available, needed=needed)
