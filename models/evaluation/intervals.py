"""Confidence intervals: of error rates by a bootstrap over identities, of plain proportions by formula.

Trials of one person go together, so people are drawn, not trials: the subset bootstrap of Bolle, Ratha and Pankanti,
"Error analysis of pattern recognition systems: the subsets bootstrap", CVIU 2004, and Poh, Martin and Bengio,
"Performance generalization in biometric authentication using joint user-specific and sample bootstraps", PAMI 2007. A
person drawn m times counts m times: a genuine trial weighs m, an impostor trial weighs the product of both people's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from models.evaluation.counts import Sweep, count
from models.evaluation.figures import Interval
from models.evaluation.scores import ScoreSet
from models.evaluation.weighted import Statistic, fmr_at, fnmr_at

LEVEL = 0.95
DRAWS = 1000
MOST_EMPTY_DRAWS = 100  # of one kind in a row: then there are too few people to draw from


def bootstrap(
    score_set: ScoreSet, statistic: Statistic, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> Interval:
    """Percentile interval of one statistic (``models.evaluation.weighted``) under draws of identities with replacement.

    Raises:
        ValueError: see ``bootstrap_all``.
    """
    return bootstrap_all(score_set, {"": statistic}, seed=seed, draws=draws, level=level)[""]


def bootstrap_all(
    score_set: ScoreSet, statistics: Mapping[str, Statistic], *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> dict[str, Interval]:
    """Percentile intervals of several statistics from the same draws: scores are sorted once, a draw is one pass.

    Raises:
        ValueError: there are too few identities to draw from, or a statistic is no number.
    """
    sweep = Sweep.of(score_set.genuine_scores(), score_set.impostor_scores())
    values = {name: np.empty(draws) for name in statistics}
    for row, (genuine, impostor) in enumerate(_weights(score_set, seed=seed, draws=draws)):
        counts = sweep.counts(genuine, impostor)
        for name, statistic in statistics.items():
            values[name][row] = statistic(counts)
    whole = count(score_set.genuine_scores(), score_set.impostor_scores())
    return {name: percentiles(values[name], statistics[name](whole), level=level) for name in statistics}


def rates_at(
    score_set: ScoreSet, threshold: float, *, seed: int, draws: int = DRAWS, level: float = LEVEL
) -> tuple[Interval, Interval]:
    """(FMR, FNMR) at a threshold that was set on other data, each with its interval.

    A rate of 0 or 1 is bounded as ``never_certain`` says.
    """
    found = bootstrap_all(
        score_set, {"fmr": fmr_at(threshold), "fnmr": fnmr_at(threshold)}, seed=seed, draws=draws, level=level
    )
    people = len(score_set.identities())
    return never_certain(found["fmr"], people, level=level), never_certain(found["fnmr"], people, level=level)


def never_certain(interval: Interval, people: int, *, level: float = LEVEL) -> Interval:
    """The interval of an error rate; where the rate is 0 or 1 every draw says the same, which is no certainty.

    The interval then is the exact one for as many independent trials as there are people (the rule of 3), since more
    trials of the same people say little.
    """
    if interval.estimate in (0.0, 1.0):
        return clopper_pearson(round(interval.estimate) * people, people, level=level)
    return interval


def wilson(errors: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Score interval of a proportion (Wilson, JASA 1927), for independent trials.

    Raises:
        ValueError: there are no trials, or more errors than trials.
    """
    _check(errors, trials)
    z = float(ndtri(0.5 + level / 2))
    share = errors / trials
    middle = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return Interval(
        low=0.0 if errors == 0 else float(middle - half),
        high=1.0 if errors == trials else float(middle + half),
        estimate=share,
    )


def clopper_pearson(errors: int, trials: int, *, level: float = LEVEL) -> Interval:
    """Exact interval of a proportion (Clopper and Pearson, Biometrika 1934), for independent trials.

    With no error (or nothing but errors) it is one-sided: its upper end is 1 - (1 - level)^(1/n), about 3/n at 95 %.

    Raises:
        ValueError: there are no trials, or more errors than trials.
    """
    _check(errors, trials)
    if errors == 0:
        return Interval(0.0, float(-np.expm1(np.log1p(-level) / trials)), 0.0)
    if errors == trials:
        return Interval(float((1 - level) ** (1 / trials)), 1.0, 1.0)
    tail = (1 - level) / 2
    return Interval(
        low=float(betaincinv(errors, trials - errors + 1, tail)),
        high=float(betaincinv(errors + 1, trials - errors, 1 - tail)),
        estimate=errors / trials,
    )


def percentiles(values: NDArray[np.float64], estimate: float, *, level: float) -> Interval:
    """The middle ``level`` of the drawn values around the estimate on all data.

    Raises:
        ValueError: a value is no number.
    """
    if np.isnan(values).any() or np.isnan(estimate):
        raise ValueError("a statistic of the bootstrap is no number")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), float(estimate))


def multiplicities(people: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(people,) how often each of them is drawn when as many are drawn with replacement."""
    return np.bincount(generator.integers(people, size=people), minlength=people).astype(np.float64)


def _weights(
    score_set: ScoreSet, *, seed: int, draws: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Weights of genuine and of impostor trials for each draw; one that leaves a class without weight is drawn again."""
    names = np.array(score_set.identities())
    if len(names) < 2:
        raise ValueError(f"{score_set.name}: one identity is nothing to draw from")
    probes = np.searchsorted(names, score_set.probe_identity)
    references = np.searchsorted(names, score_set.reference_identity)[~score_set.genuine]
    same, other = probes[score_set.genuine], probes[~score_set.genuine]
    generator = np.random.default_rng(seed)
    for _ in range(draws):
        for _ in range(MOST_EMPTY_DRAWS):
            times = multiplicities(len(names), generator)
            genuine, impostor = times[same], times[other] * times[references]
            if genuine.any() and impostor.any():
                yield genuine, impostor
                break
        else:
            raise ValueError(f"{score_set.name}: too few identities with trials of their own to draw from")


def _check(errors: int, trials: int) -> None:
    if not 0 <= errors <= trials or trials == 0:
        raise ValueError(f"{errors} errors in {trials} trials is no proportion")
