"""Error rates against scikit-learn, against integrals of Gaussian scores, and against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score, roc_curve

from models.evaluation import metrics
from models.evaluation.errors import TooFewTrials
from models.evaluation.metrics import Rule

GENUINE = np.array([0.9, 0.8, 0.7, 0.4])
IMPOSTOR = np.array([0.1, 0.3, 0.5, 0.2, 0.4])

few_values = st.lists(st.integers(0, 6), min_size=1, max_size=30).map(lambda values: np.array(values, float))
values = st.lists(st.floats(-50, 50), min_size=1, max_size=40).map(np.array)


def gaussian(d_prime: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor scores at the quantiles of two unit Gaussians: no chance in them."""
    quantiles = norm.ppf((np.arange(count) + 0.5) / count)
    return quantiles + d_prime, quantiles


def test_rates_at_a_threshold_by_hand():
    assert metrics.fmr(IMPOSTOR, 0.4) == pytest.approx(2 / 5)
    assert metrics.fnmr(GENUINE, 0.5) == pytest.approx(1 / 4)


def test_a_score_at_the_threshold_matches():
    assert metrics.fmr(np.array([0.5]), 0.5) == 1.0
    assert metrics.fnmr(np.array([0.5]), 0.5) == 0.0


def test_eer_by_hand():
    # At 0.5 one impostor of five matches and one genuine of four is missed: the closest the two come.
    assert metrics.eer(GENUINE, IMPOSTOR) == pytest.approx((1 / 5 + 1 / 4) / 2)


def test_eer_agrees_with_the_roc_curve_of_scikit_learn():
    random = np.random.default_rng(3)
    genuine, impostor = random.normal(2, 1, 4000), random.normal(0, 1, 4000)
    labels = np.r_[np.ones(4000), np.zeros(4000)]
    false_positive, true_positive, _ = roc_curve(labels, np.r_[genuine, impostor])
    at = np.argmin(np.abs(false_positive - (1 - true_positive)))

    assert metrics.eer(genuine, impostor) == pytest.approx((false_positive[at] + 1 - true_positive[at]) / 2, abs=1e-3)


@pytest.mark.parametrize("d_prime", [0.5, 1.0, 2.0, 3.0])
def test_eer_and_auc_of_gaussian_scores_are_the_closed_forms(d_prime: float):
    genuine, impostor = gaussian(d_prime, 20_000)

    assert metrics.eer(genuine, impostor) == pytest.approx(norm.cdf(-d_prime / 2), abs=2e-4)
    assert metrics.auc(genuine, impostor) == pytest.approx(norm.cdf(d_prime / math.sqrt(2)), abs=2e-4)


@pytest.mark.parametrize("d_prime", [0.5, 2.0, 4.0])
def test_cllr_of_well_calibrated_gaussian_scores_is_the_integral(d_prime: float):
    # Equal-variance Gaussians: llr = d' * (x - d' / 2), so genuine llrs are N(d'^2 / 2, d'^2).
    expected, _ = quad(
        lambda llr: norm.pdf(llr, d_prime**2 / 2, d_prime) * np.logaddexp(0, -llr) / math.log(2), -60, 80, limit=200
    )
    genuine, impostor = (d_prime * (scores - d_prime / 2) for scores in gaussian(d_prime, 50_000))

    assert metrics.cllr(genuine, impostor) == pytest.approx(expected, abs=1e-3)
    assert metrics.min_cllr(genuine, impostor) == pytest.approx(expected, abs=2e-3)


def test_cllr_of_no_information_is_one_bit():
    assert metrics.cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1.0)
    assert metrics.cllr(np.full(3, 20.0), np.full(3, -20.0)) < 1e-6


def test_cllr_of_enormous_ratios_stays_finite():
    assert metrics.cllr(np.array([-5000.0]), np.array([5000.0])) == pytest.approx(5000 / math.log(2))


def test_minimum_cllr_is_that_of_scikit_learns_isotonic_regression():
    random = np.random.default_rng(5)
    genuine, impostor = random.normal(1, 1, 300).round(1), random.normal(0, 1, 900).round(1)
    labels, scores = np.r_[np.ones(300), np.zeros(900)], np.r_[genuine, impostor]
    weights = np.r_[np.full(300, 1 / 300), np.full(900, 1 / 900)]
    posterior = IsotonicRegression(y_min=0, y_max=1).fit(scores, labels, sample_weight=weights).predict(scores)
    with np.errstate(divide="ignore"):
        llr = np.log(posterior) - np.log1p(-posterior)

    assert metrics.min_cllr(genuine, impostor) == pytest.approx(metrics.cllr(llr[:300], llr[300:]), abs=1e-12)


@given(values, values, st.floats(0.01, 5), st.floats(-5, 5))
def test_no_rising_recalibration_costs_less_than_the_minimum(genuine, impostor, slope: float, offset: float):
    least = metrics.min_cllr(genuine, impostor)

    assert least <= 1 + 1e-9
    for recalibrated in (lambda x: slope * x + offset, np.tanh, lambda x: np.sign(x) * slope, lambda x: x**3):
        assert least <= metrics.cllr(recalibrated(genuine), recalibrated(impostor)) + 1e-9


@given(few_values, few_values)
def test_auc_is_scikit_learns_ties_included(genuine, impostor):
    labels = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]

    assert metrics.auc(genuine, impostor) == pytest.approx(roc_auc_score(labels, np.r_[genuine, impostor]))


@given(few_values, few_values)
def test_curves_pass_through_the_points_of_scikit_learn(genuine, impostor):
    labels = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    false_positive, true_positive, _ = roc_curve(labels, np.r_[genuine, impostor], drop_intermediate=False)

    ours = metrics.roc_points(genuine, impostor)

    assert np.allclose(ours[0], false_positive)
    assert np.allclose(ours[1], true_positive)


@given(few_values, few_values)
def test_curves_say_what_the_rates_say_and_only_fall_or_rise(genuine, impostor):
    rates = metrics.det_points(genuine, impostor)

    for threshold, false_match, false_non_match in zip(rates.thresholds, rates.fmr, rates.fnmr, strict=True):
        assert false_match == pytest.approx(metrics.fmr(impostor, threshold))
        assert false_non_match == pytest.approx(metrics.fnmr(genuine, threshold))
    assert (np.diff(rates.fmr) <= 0).all() and (np.diff(rates.fnmr) >= 0).all()


@given(few_values, few_values)
def test_the_order_of_scores_and_a_rising_map_change_nothing(genuine, impostor):
    again = [np.exp(scores[::-1] / 3) for scores in (genuine, impostor)]

    for figure in (metrics.eer, metrics.auc, metrics.min_cllr):
        assert figure(*again) == pytest.approx(figure(genuine, impostor))


@given(few_values, st.floats(0.01, 1))
def test_the_threshold_of_an_fmr_promises_at_most_and_is_the_lowest_that_does(impostor, target: float):
    repeated = np.tile(impostor, math.ceil(3 / target))

    threshold = metrics.threshold_at_fmr(repeated, target, rule=Rule.THREE)

    assert metrics.fmr(repeated, threshold) <= target
    if threshold > -math.inf:
        assert metrics.fmr(repeated, np.nextafter(threshold, -np.inf)) > target


def test_fnmr_at_fmr_of_gaussian_scores_is_the_closed_form():
    genuine, impostor = gaussian(3.0, 40_000)

    missed, threshold = metrics.fnmr_at_fmr(genuine, impostor, 1e-3)

    assert threshold == pytest.approx(norm.isf(1e-3), abs=0.01)
    assert missed == pytest.approx(norm.cdf(norm.isf(1e-3) - 3.0), abs=2e-3)


def test_a_share_that_floats_cannot_hold_still_allows_as_many_as_it_says():
    impostor = np.arange(100.0)

    # 0.29 * 100 is 28.999999999999996 in floats; 29 of 100 match above 70.
    assert 70 < metrics.threshold_at_fmr(impostor, 0.29, rule=Rule.THREE) <= 71


def test_too_few_impostors_for_a_rate_say_how_many_are_needed():
    with pytest.raises(TooFewTrials, match=r"29,999 at hand, 30,000 are needed") as error:
        metrics.fnmr_at_fmr(GENUINE, np.zeros(29_999), 1e-3)

    assert (error.value.available, error.value.needed) == (29_999, 30_000)
    assert metrics.fnmr_at_fmr(GENUINE, np.zeros(3_000), 1e-3, rule=Rule.THREE)[0] == 0.0
    assert [metrics.rule_of_30(rate) for rate in (1e-2, 1e-3, 1e-4, 1.0)] == [3_000, 30_000, 300_000, 30]


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, math.nan])
def test_what_is_no_rate_is_refused(rate: float):
    with pytest.raises(ValueError):
        metrics.threshold_at_fmr(np.zeros(1_000_000), rate)


@pytest.mark.parametrize("bad", [np.array([0.5, np.nan]), np.array([]), np.zeros((2, 2))])
def test_scores_that_are_no_scores_are_refused_by_every_figure(bad):
    good = np.array([0.1, 0.2])
    for figure in (metrics.eer, metrics.auc, metrics.cllr, metrics.min_cllr, metrics.det_points, metrics.roc_points):
        with pytest.raises(ValueError):
            figure(bad, good)
        with pytest.raises(ValueError):
            figure(good, bad)
    for rate in (metrics.fmr, metrics.fnmr):
        with pytest.raises(ValueError):
            rate(bad, 0.1)
        with pytest.raises(ValueError):
            rate(good, math.nan)


def test_effective_rank_of_equal_and_of_single_directions():
    assert metrics.effective_rank(np.eye(7)) == pytest.approx(7.0)
    assert metrics.effective_rank(np.outer(np.arange(1, 9), np.arange(1, 5))) == pytest.approx(1.0)


def test_effective_rank_by_hand():
    # Singular values 3 and 1: shares 3/4 and 1/4, entropy 0.5623 nats.
    assert metrics.effective_rank(np.diag([3.0, 1.0])) == pytest.approx(4 / 3**0.75)


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.array([[1.0, np.nan]]), np.ones(3)])
def test_what_has_no_effective_rank_is_refused(bad):
    with pytest.raises(ValueError):
        metrics.effective_rank(bad)
