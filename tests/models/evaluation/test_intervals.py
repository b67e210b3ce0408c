"""Intervals: people are drawn, not trials; weights are the same as repetition; formulas against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from models.evaluation import metrics, weighted
from models.evaluation.counts import Sweep
from models.evaluation.intervals import bootstrap, bootstrap_all, clopper_pearson, rates_at, wilson
from models.evaluation.scores import ScoreSet

STATISTICS = {
    "eer": (weighted.eer, metrics.eer),
    "auc": (weighted.auc, metrics.auc),
    "cllr": (weighted.cllr, metrics.cllr),
    "min_cllr": (weighted.min_cllr, metrics.min_cllr),
    "fmr": (weighted.fmr_at(1.5), lambda genuine, impostor: metrics.fmr(impostor, 1.5)),
    "fnmr": (weighted.fnmr_at(1.5), lambda genuine, impostor: metrics.fnmr(genuine, 1.5)),
}
trial = st.tuples(st.integers(-4, 4), st.integers(0, 3))
trials = st.lists(trial, min_size=1, max_size=25).filter(lambda pairs: any(weight for _, weight in pairs))


def people(count: int, *, each: int = 4, spread: float = 1.0, seed: int = 0) -> ScoreSet:
    """Everybody against everybody; people differ in how like themselves they are, by ``spread``."""
    random = np.random.default_rng(seed)
    names = [f"person{number:03d}" for number in range(count)]
    likeness = random.normal(2, spread, count)
    scores, probes, references = [], [], []
    for row, probe in enumerate(names):
        for column, reference in enumerate(names):
            times = each if row == column else 1
            scores += random.normal(likeness[row] if row == column else 0, 0.5, times).tolist()
            probes += [probe] * times
            references += [reference] * times
    return ScoreSet.of(scores, probes, references, name="made")


@pytest.mark.parametrize("name", STATISTICS)
@given(genuine=trials, impostor=trials)
def test_weights_are_the_same_as_repeating_trials(name: str, genuine, impostor):
    weigh, plain = STATISTICS[name]
    columns = [np.array(pairs, float).T for pairs in (genuine, impostor)]

    counts = Sweep.of(columns[0][0], columns[1][0]).counts(columns[0][1], columns[1][1])

    repeated = [np.repeat(scores, times.astype(int)) for scores, times in columns]
    assert weigh(counts) == pytest.approx(plain(*repeated), abs=1e-9)


def test_fnmr_at_fmr_is_that_of_the_plain_function():
    scores = people(80)
    genuine, impostor = scores.genuine_scores(), scores.impostor_scores()

    found = bootstrap(scores, weighted.fnmr_at_fmr(0.01), seed=1, draws=50)

    assert found.estimate == metrics.fnmr_at_fmr(genuine, impostor, 0.01)[0]
    assert found.low <= found.estimate <= found.high


def test_the_interval_of_a_rate_over_people_is_the_cluster_bootstrap_by_hand():
    scores = people(12)
    missed = scores.genuine_scores().reshape(12, 4) < 1.5

    found = bootstrap(scores, weighted.fnmr_at(1.5), seed=7, draws=4000)

    random = np.random.default_rng(8)
    drawn = [missed[random.integers(12, size=12)].mean() for _ in range(4000)]
    assert found.estimate == missed.mean()
    assert found.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.03)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.03)


def test_trials_of_one_person_do_not_narrow_the_interval_as_more_people_do():
    few_people = bootstrap(people(20, each=40), weighted.fnmr_at(1.5), seed=1, draws=300)
    more_people = bootstrap(people(80, each=10), weighted.fnmr_at(1.5), seed=1, draws=300)

    assert few_people.high - few_people.low > 1.5 * (more_people.high - more_people.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    # Scores of people that differ: true FNMR at 1.5 is P(N(2, 1^2 + 0.5^2) < 1.5) = 0.3274.
    covered = 0
    for seed in range(60):
        found = bootstrap(people(25, seed=seed), weighted.fnmr_at(1.5), seed=seed, draws=200)
        covered += found.low <= 0.3274 <= found.high

    assert covered >= 50


def test_the_same_seed_draws_the_same_and_statistics_share_draws():
    scores = people(15)

    alone = bootstrap(scores, weighted.eer, seed=3, draws=40)
    together = bootstrap_all(scores, {"auc": weighted.auc, "eer": weighted.eer}, seed=3, draws=40)

    assert together["eer"] == alone
    assert bootstrap(scores, weighted.eer, seed=4, draws=40) != alone


def test_one_person_is_nothing_to_draw_from():
    lonely = ScoreSet.of([0.9, 0.1], ["ada", "ada"], ["ada", "ada "], name="lonely")

    assert bootstrap(lonely, weighted.eer, seed=0, draws=10).estimate == 0.0
    with pytest.raises(ValueError, match="no number"):
        bootstrap(lonely, lambda counts: float("nan"), seed=0, draws=10)


def test_a_rate_without_errors_is_bounded_by_how_many_people_there_are():
    false_match, false_non_match = rates_at(people(30), 50.0, seed=0, draws=20)

    assert (false_match.low, false_match.estimate) == (0.0, 0.0)
    assert false_match.high == pytest.approx(1 - 0.05 ** (1 / 30))
    assert (false_non_match.estimate, false_non_match.high) == (1.0, 1.0)
    assert false_non_match.low == pytest.approx(0.05 ** (1 / 30))


@given(st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilsons_interval_is_scipys(pair: tuple[int, int]):
    errors, trials = pair
    expected = binomtest(errors, trials).proportion_ci(0.95, method="wilson")

    found = wilson(errors, trials)

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.estimate == errors / trials


@given(st.integers(2, 400).flatmap(lambda trials: st.tuples(st.integers(1, trials - 1), st.just(trials))))
def test_clopper_and_pearsons_interval_is_scipys(pair: tuple[int, int]):
    errors, trials = pair
    expected = binomtest(errors, trials).proportion_ci(0.95, method="exact")

    found = clopper_pearson(errors, trials)

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_no_error_in_n_trials_bounds_the_rate_by_the_rule_of_3():
    found = clopper_pearson(0, 1000)

    assert (found.low, found.estimate) == (0.0, 0.0)
    assert found.high == pytest.approx(3 / 1000, rel=0.01)
    assert clopper_pearson(1000, 1000).low == pytest.approx(1 - 3 / 1000, rel=1e-4)


@pytest.mark.parametrize(("errors", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_what_is_no_proportion_is_refused(errors: int, trials: int):
    for interval in (wilson, clopper_pearson):
        with pytest.raises(ValueError):
            interval(errors, trials)
