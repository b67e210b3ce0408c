"""Calibration by pool adjacent violators."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import IsotonicRegression

from models.evaluation import metrics
from models.evaluation.pav import PavCurve, fit_pav

scores = st.integers(1, 40).flatmap(lambda size: arrays(np.float64, size, elements=st.integers(-8, 8)))


def test_log_likelihood_ratios_by_hand():
    curve = fit_pav(np.array([2.0, 3.0]), np.array([0.0, 1.0]))

    # Below all and above all lie one genuine and one impostor trial more: 1 genuine in 4, then 3 in 4.
    assert curve.scores.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.allclose(curve.llrs, [-np.log(3), -np.log(3), np.log(3), np.log(3)])
    assert curve(np.array([1.5]))[0] == pytest.approx(0.0)


def test_violators_are_pooled_as_scikit_learn_pools_them():
    random = np.random.default_rng(2)
    genuine, impostor = random.normal(1, 1, 200).round(1), random.normal(0, 1, 500).round(1)
    low, high = -1e3, 1e3  # Laplace's trials
    labels = np.r_[np.ones(200), np.zeros(500), 1, 0, 1, 0]
    posterior = IsotonicRegression().fit(np.r_[genuine, impostor, low, low, high, high], labels)

    expected = posterior.predict(np.r_[genuine, impostor])

    llrs = fit_pav(genuine, impostor)(np.r_[genuine, impostor])
    assert np.allclose(llrs, np.log(expected / (1 - expected)) - np.log(200 / 500))


@given(scores, scores)
def test_the_map_rises_and_is_finite_everywhere(genuine, impostor):
    curve = fit_pav(genuine, impostor)

    llrs = curve(np.linspace(-1e6, 1e6, 101))

    assert np.isfinite(llrs).all()
    assert (np.diff(llrs) >= 0).all()


@given(scores, scores)
def test_calibrating_its_own_scores_never_costs_less_than_the_minimum(genuine, impostor):
    curve = fit_pav(genuine, impostor)

    cost, least = metrics.cllr(curve(genuine), curve(impostor)), metrics.min_cllr(genuine, impostor)

    assert least <= cost + 1e-9


def test_with_many_trials_laplaces_trials_no_longer_matter():
    random = np.random.default_rng(4)
    genuine, impostor = random.normal(2, 1, 20_000), random.normal(0, 1, 20_000)
    curve = fit_pav(genuine, impostor)

    assert metrics.cllr(curve(genuine), curve(impostor)) == pytest.approx(metrics.min_cllr(genuine, impostor), abs=1e-3)
    assert len(curve.scores) < 500


def test_a_curve_survives_json():
    curve = fit_pav(np.array([1.0, 2.0, 0.5]), np.array([0.0, 1.5]))

    again = PavCurve.from_lists(*json.loads(json.dumps(curve.to_lists())))

    assert again.scores.tolist() == curve.scores.tolist()
    assert again.llrs.tolist() == curve.llrs.tolist()


@pytest.mark.parametrize(
    ("points", "llrs"),
    [([], []), ([1.0], [1.0, 2.0]), ([1.0, 1.0], [0.0, 1.0]), ([0.0, 1.0], [1.0, 0.0]), ([0.0, 1.0], [0.0, np.inf])],
)
def test_a_curve_that_does_not_rise_or_is_not_finite_is_refused(points, llrs):
    with pytest.raises(ValueError):
        PavCurve.from_lists(points, llrs)


def test_what_is_no_number_gets_no_ratio():
    curve = fit_pav(np.array([1.0]), np.array([0.0]))

    with pytest.raises(ValueError):
        curve(np.array([np.nan]))
    with pytest.raises(ValueError):
        fit_pav(np.array([np.inf]), np.array([0.0]))
