"""Calibration: fitted on some people, measured on others, and written down so that it can be read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from models.evaluation import metrics
from models.evaluation.calibration import fit, fit_logistic, measure, supported, trial_counts, trials_from
from models.evaluation.decision import Stakes
from models.evaluation.errors import TooFewTrials
from models.evaluation.record import CalibrationRecord, Method, ScoreMap
from models.evaluation.scores import ScoreSet
from models.registry import CALIBRATIONS, models

D_PRIME = 3.0
STAKES = Stakes(0.01)


def gaussian(part: str, *, people: int = 70, each: int = 4, seed: int = 0) -> ScoreSet:
    """Unit-variance scores around D_PRIME for the same person and around 0 for others: llr = d' (x - d' / 2)."""
    random = np.random.default_rng(seed)
    names = np.array([f"{part}{number:03d}" for number in range(people)])
    probes = np.repeat(names, each)
    scores = random.normal(size=(len(probes), people)) + D_PRIME * (probes[:, None] == names)
    return ScoreSet.of(scores.ravel(), np.repeat(probes, people), np.tile(names, len(probes)), name="made")


FITTED_ON, HELD_OUT = gaussian("a", seed=1), gaussian("b", seed=2)


def record(method: Method) -> CalibrationRecord:
    calibrator = fit(FITTED_ON, method)
    return CalibrationRecord(
        name="model/data",
        model="model",
        sha256="0" * 64,
        modality="face",
        score_map=calibrator.score_map,
        fitted_on=trial_counts(FITTED_ON),
        measured=measure(calibrator, FITTED_ON, HELD_OUT, stakes=STAKES, draws=30),
        data=("data",),
        not_usable=1,
        enrolled=3,
        made_at="2026-01-01",
        command="manage.py calibrate",
    )


def test_logistic_calibration_finds_the_ratio_of_two_gaussians():
    quantiles = norm.ppf((np.arange(4000) + 0.5) / 4000)

    found = fit_logistic(quantiles[10::20] + D_PRIME, quantiles)  # a twentieth of the trials is genuine: no matter

    assert found.slope == pytest.approx(D_PRIME, rel=0.02)
    assert found.offset == pytest.approx(-(D_PRIME**2) / 2, rel=0.02)


@pytest.mark.parametrize("method", list(Method))
def test_a_calibration_costs_little_more_than_the_minimum_on_people_it_never_saw(method: Method):
    measured = measure(fit(FITTED_ON, method), FITTED_ON, HELD_OUT, stakes=STAKES, draws=30)

    assert measured.min_cllr.estimate < measured.cllr.estimate < measured.min_cllr.estimate + 0.03
    assert measured.eer.estimate == pytest.approx(norm.cdf(-D_PRIME / 2), abs=0.02)
    assert measured.eer.low < measured.eer.estimate < measured.eer.high
    assert (measured.trials.identities, measured.trials.genuine) == (70, 280)


@pytest.mark.parametrize("method", list(Method))
def test_thresholds_are_set_on_one_part_and_measured_on_the_other(method: Method):
    calibrator = fit(FITTED_ON, method)

    (point,) = measure(calibrator, FITTED_ON, HELD_OUT, stakes=STAKES, fmrs=[0.01], draws=30).thresholds

    threshold = point.measured.llr
    assert metrics.fmr(calibrator(FITTED_ON.impostor_scores()), threshold) <= 0.01
    assert point.measured.fmr.estimate == metrics.fmr(calibrator(HELD_OUT.impostor_scores()), threshold)
    assert point.measured.fnmr.estimate == metrics.fnmr(calibrator(HELD_OUT.genuine_scores()), threshold)
    assert point.measured.fnmr.low < point.measured.fnmr.high


def test_by_default_thresholds_are_set_where_the_trials_support_them():
    measured = measure(fit(FITTED_ON), FITTED_ON, HELD_OUT, stakes=STAKES, draws=10)

    assert [point.chosen_fmr for point in measured.thresholds] == [0.01]  # 19,320 impostor trials, 30,000 for 0.001
    assert [supported(count) for count in (2_999, 3_000, 30_000, 300_000)] == [
        (),
        (0.01,),
        (0.01, 0.001),
        (0.01, 0.001, 0.0001),
    ]


def test_a_chosen_rate_that_the_trials_do_not_support_is_an_error_with_the_number_needed():
    with pytest.raises(TooFewTrials, match=r"FMR 0\.001: 19,320 at hand, 30,000 are needed"):
        measure(fit(FITTED_ON), FITTED_ON, HELD_OUT, stakes=STAKES, fmrs=[0.01, 0.001])
    few = gaussian("c", people=50)
    with pytest.raises(TooFewTrials, match=r"to measure it for FMR 0\.002: 9,800 at hand, 15,000"):
        measure(fit(FITTED_ON), FITTED_ON, few, stakes=STAKES, fmrs=[0.002])


def test_the_decision_is_taken_at_the_bayes_threshold():
    stakes = Stakes(0.2, cost_false_match=10.0)

    decision = measure(fit(FITTED_ON), FITTED_ON, HELD_OUT, stakes=stakes, draws=10).decision

    assert decision.measured.llr == pytest.approx(np.log(0.8 * 10 / 0.2))
    assert decision.cost_false_match == 10.0


@given(st.floats(0.001, 0.999), st.floats(0.01, 100), st.floats(0.01, 100))
def test_the_bayes_threshold_costs_least(prior: float, false_match: float, false_non_match: float):
    # Unit Gaussians at +-1: llr = 2 x, so the expected cost of a threshold on x is in closed form.
    stakes = Stakes(prior, false_match, false_non_match)

    def cost(llr: float) -> float:
        return prior * false_non_match * norm.cdf(llr / 2 - 1) + (1 - prior) * false_match * norm.sf(llr / 2 + 1)

    assert all(cost(stakes.threshold) <= cost(stakes.threshold + step) + 1e-12 for step in (-0.5, -0.05, 0.05, 0.5))
    assert stakes.threshold == pytest.approx(Stakes(stakes.effective_prior).threshold)


@pytest.mark.parametrize(
    "wrong", [(0.0,), (1.0,), (np.nan,), (0.5, 0.0), (0.5, 1.0, -1.0), (0.5, np.inf), (0.5, np.nan)]
)
def test_stakes_that_are_none_are_refused(wrong: tuple[float, ...]):
    with pytest.raises(ValueError):
        Stakes(*wrong)


def test_the_people_of_both_parts_have_to_be_others():
    with pytest.raises(ValueError, match="70 people are in both parts"):
        measure(fit(FITTED_ON), FITTED_ON, FITTED_ON, stakes=STAKES)


def test_scores_that_fall_with_likeness_and_too_few_of_them_are_refused():
    with pytest.raises(ValueError, match="do not rise"):
        fit(FITTED_ON.with_scores(-FITTED_ON.score))
    with pytest.raises(TooFewTrials, match="49 at hand, 50 are needed"):
        fit_logistic(np.ones(49), np.zeros(100))


@pytest.mark.parametrize("method", list(Method))
def test_a_record_survives_json_and_maps_scores_as_the_fit_did(method: Method):
    made = record(method)

    again = CalibrationRecord.from_json(json.loads(json.dumps(made.to_json())))

    assert again == made
    scores = np.linspace(-4, 8, 200)
    assert np.allclose([again.score_map.llr(score) for score in scores], fit(FITTED_ON, method)(scores))


def test_a_record_of_another_version_or_with_gaps_is_refused():
    values = record(Method.LOGISTIC).to_json()
    for wrong in ({**values, "version": 1}, {}, {**values, "measured": {}}, {**values, "score_map": None}):
        with pytest.raises(ValueError):
            CalibrationRecord.from_json(wrong)
    with pytest.raises(ValueError):
        CalibrationRecord.from_json({name: value for name, value in values.items() if name != "sha256"})


@pytest.mark.parametrize("path", sorted(CALIBRATIONS.glob("*.json")), ids=lambda path: path.stem)
def test_what_ships_is_a_record_of_that_model_and_says_how_sure_it_is(path: Path):
    shipped = CalibrationRecord.from_json(json.loads(path.read_text()))

    assert shipped.model == path.stem
    assert shipped.sha256 == models()[path.stem].sha256
    assert shipped.data and shipped.command and shipped.made_at
    for interval in (shipped.measured.eer, shipped.measured.cllr, shipped.measured.min_cllr):
        assert interval.low <= interval.estimate <= interval.high


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", list(Method))
def test_a_score_that_is_no_number_gets_no_ratio(method: Method, score: float):
    with pytest.raises(ValueError, match="must match nobody"):
        fit(FITTED_ON, method).score_map.llr(score)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slope": np.nan},
        {"pav_scores": (1.0,), "pav_llrs": (1.0,)},
        {"method": Method.PAV},
        {"method": Method.PAV, "pav_scores": (1.0, 2.0), "pav_llrs": (1.0,)},
        {"method": Method.PAV, "pav_scores": (1.0, 2.0), "pav_llrs": (1.0, 0.0)},
        {"method": Method.PAV, "pav_scores": (1.0, 1.0), "pav_llrs": (1.0, 2.0)},
        {"method": Method.PAV, "pav_scores": (1.0, 2.0), "pav_llrs": (1.0, np.inf)},
    ],
)
def test_a_map_that_does_not_rise_or_is_not_finite_is_refused(wrong: dict):
    with pytest.raises(ValueError):
        replace(ScoreMap(Method.LOGISTIC, 1.0, 0.0), **wrong)


def test_trials_compare_each_remaining_sample_with_everybodys_reference_by_hand():
    east, north = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    people = {"ada": np.stack([east, north, east]), "bob": np.stack([north])}

    trials = trials_from(people, enrolled=2, name="test")

    # ada's reference lies north-east of her first two samples; bob's only sample serves as reference alone.
    assert trials.genuine_scores() == pytest.approx([np.sqrt(0.5)])
    assert trials.impostor_scores() == pytest.approx([0.0])
    assert trials.reference_identity.tolist() == ["ada", "bob"]


@pytest.mark.parametrize("people", [{}, {"ada": np.eye(2)}, {"ada": np.eye(2)[:1], "bob": np.eye(2)[:1]}])
def test_people_who_cannot_be_compared_are_too_few(people: dict):
    with pytest.raises(TooFewTrials):
        trials_from(people, enrolled=2, name="test")
