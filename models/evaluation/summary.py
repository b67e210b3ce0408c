"""The figures of a set of scores, always together: what a report or a table shows, and why a figure is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from models.evaluation import weighted
from models.evaluation.counts import count
from models.evaluation.errors import TooFewTrials
from models.evaluation.figures import Interval
from models.evaluation.intervals import DRAWS, bootstrap_all, never_certain
from models.evaluation.metrics import Rule, fmr, fnmr_at_fmr
from models.evaluation.record import TrialCounts
from models.evaluation.scores import ScoreSet
from models.evaluation.weighted import Statistic

FMR_POINTS = (1e-2, 1e-3, 1e-4)
EER, AUC, CLLR, MIN_CLLR = "EER", "AUC", "C_llr", "minimum C_llr"
NO_RATIOS = "the scores are no likelihood ratios"


def fnmr_name(point: float) -> str:
    return f"FNMR at FMR {point:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Arguments:
        estimate: on all trials; None where ``note`` says why there is none.
        interval: 95 % over identities; None where there are too few of them, or no estimate.
        mean, deviation: over the folds that support the figure; None for fewer than two.
        folds: how many those are.
    """

    name: str
    estimate: float | None
    interval: Interval | None = None
    mean: float | None = None
    deviation: float | None = None
    folds: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """All figures of one set of scores. ``figures`` is empty where ``note`` says why."""

    name: str
    trials: TrialCounts
    figures: tuple[Figure, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """The threshold at which FMR is at most ``chosen_fmr`` on these very trials; None where ``note`` says why."""

    chosen_fmr: float
    threshold: float | None
    fmr: float | None
    fnmr: float | None
    note: str = ""


def summarise(
    scores: ScoreSet, *, llr: bool, seed: int, draws: int = DRAWS, rule: Rule = Rule.THIRTY, name: str | None = None
) -> Summary:
    """EER, AUC, FNMR at the FMR points that the trials support, C_llr and its minimum, with intervals and folds.

    Arguments:
        llr: whether the scores are natural-log likelihood ratios; without that C_llr means nothing.
    """
    reasons = {name: _unsupported(scores, name, llr, rule) for name in _statistics()}
    wanted = {name: statistic for name, statistic in _statistics().items() if not reasons[name]}
    intervals, note = _intervals(scores, wanted, seed=seed, draws=draws)
    counts = count(scores.genuine_scores(), scores.impostor_scores())
    figures = []
    for figure, reason in reasons.items():
        if reason:
            figures.append(Figure(figure, None, note=reason))
            continue
        over_folds = _over_folds(scores, figure, llr, rule)
        figures.append(
            Figure(
                figure,
                wanted[figure](counts),
                intervals.get(figure),
                fmean(over_folds) if len(over_folds) > 1 else None,
                stdev(over_folds) if len(over_folds) > 1 else None,
                len(over_folds),
            )
        )
    return Summary(scores.name if name is None else name, _trials(scores), tuple(figures), note)


def breakdown(
    scores: ScoreSet, column: str, *, llr: bool, seed: int, draws: int = DRAWS, rule: Rule = Rule.THIRTY
) -> tuple[Summary, ...]:
    """A summary for each label of ``column`` ("condition" or "group"); nothing where there is only one label.

    A label without genuine or without impostor trials is kept, with a note in place of figures.
    """
    labels = getattr(scores, column)
    found = []
    for label in np.unique(labels):
        try:
            part = scores.where(labels == label)
        except ValueError as error:
            genuine = int(scores.genuine[labels == label].sum())
            impostor = int((labels == label).sum()) - genuine
            found.append(Summary(str(label), TrialCounts(0, genuine, impostor), (), str(error)))
            continue
        found.append(summarise(part, llr=llr, seed=seed, draws=draws, rule=rule, name=str(label) or "(none)"))
    return tuple(found) if len(found) > 1 else ()


def threshold_table(
    scores: ScoreSet, points: Sequence[float] = FMR_POINTS, *, rule: Rule = Rule.THIRTY
) -> tuple[ThresholdRow, ...]:
    """Thresholds by FMR on these very trials; for thresholds that hold on others see ``calibration``."""
    genuine, impostor = scores.genuine_scores(), scores.impostor_scores()
    rows = []
    for point in points:
        try:
            missed, threshold = fnmr_at_fmr(genuine, impostor, point, rule=rule)
        except TooFewTrials as error:
            rows.append(ThresholdRow(point, None, None, None, too_few(error)))
            continue
        rows.append(ThresholdRow(point, threshold, fmr(impostor, threshold), missed))
    return tuple(rows)


def too_few(error: TooFewTrials) -> str:
    return f"too few trials: needs {error.needed:,}, has {error.available:,}"


def _statistics() -> dict[str, Statistic]:
    return {
        EER: weighted.eer,
        AUC: weighted.auc,
        **{fnmr_name(point): weighted.fnmr_at_fmr(point) for point in FMR_POINTS},
        CLLR: weighted.cllr,
        MIN_CLLR: weighted.min_cllr,
    }


def _unsupported(scores: ScoreSet, figure: str, llr: bool, rule: Rule) -> str:
    """Why the figure cannot be had from these scores; empty where it can."""
    if figure == CLLR and not llr:
        return NO_RATIOS
    available = int((~scores.genuine).sum())
    for point in FMR_POINTS:
        if figure == fnmr_name(point) and available < rule.trials(point):
            return too_few(TooFewTrials("", available=available, needed=rule.trials(point)))
    return ""


def _intervals(
    scores: ScoreSet, wanted: dict[str, Statistic], *, seed: int, draws: int
) -> tuple[dict[str, Interval], str]:
    try:
        found = bootstrap_all(scores, wanted, seed=seed, draws=draws)
    except ValueError as error:
        return {}, f"no intervals: {error}"
    people = len(scores.identities())
    rates = {name for name in wanted if name not in (AUC, CLLR, MIN_CLLR)}
    return {name: never_certain(one, people) if name in rates else one for name, one in found.items()}, ""


def _over_folds(scores: ScoreSet, figure: str, llr: bool, rule: Rule) -> list[float]:
    """The figure in each fold that supports it; nothing where all trials are of one fold."""
    folds = np.unique(scores.fold)
    if len(folds) < 2:
        return []
    parts = [scores.where(scores.fold == fold) for fold in folds]
    statistic = _statistics()[figure]
    return [
        statistic(count(part.genuine_scores(), part.impostor_scores()))
        for part in parts
        if not _unsupported(part, figure, llr, rule)
    ]


def _trials(scores: ScoreSet) -> TrialCounts:
    genuine = int(scores.genuine.sum())
    return TrialCounts(len(scores.identities()), genuine, len(scores) - genuine)
