"""Presentation attack detection, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from models.evaluation.pad import pad_table

SCORES = np.array([0.9, 0.8, 0.4, 0.95, 0.1, 0.6, 0.2, 0.3, 0.7, 0.5, 0.1, 0.2])
INSTRUMENTS = ["bona_fide"] * 4 + ["print"] * 4 + ["screen"] * 4
SUBJECTS = ["ada", "ada", "bob", "bob"] * 3


def test_rates_by_instrument_by_hand():
    report = pad_table(SCORES, INSTRUMENTS, None, 0.5)

    assert {name: (rate.errors, rate.trials) for name, rate in report.apcer.items()} == {
        "print": (1, 4),
        "screen": (2, 4),  # a score at the threshold counts as bona fide
    }
    assert report.worst == "screen"
    assert (report.bpcer.errors, report.bpcer.trials) == (1, 4)
    assert report.acer.estimate == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert report.subjects is None


def test_without_subjects_intervals_are_wilsons():
    report = pad_table(SCORES, INSTRUMENTS, None, 0.5)
    expected = binomtest(2, 4).proportion_ci(0.95, method="wilson")

    found = report.apcer["screen"].interval

    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_with_subjects_they_are_drawn_and_not_their_presentations():
    random = np.random.default_rng(0)
    fooled = np.repeat(random.random(20) < 0.3, 50)  # a subject's prints all pass or all fail
    scores = np.r_[np.ones(1000), fooled.astype(float)]
    instruments = ["bona_fide"] * 1000 + ["print"] * 1000
    subjects = [f"s{number // 50}" for number in range(1000)] * 2

    by_subject = pad_table(scores, instruments, subjects, 0.5, draws=400).apcer["print"].interval
    by_formula = pad_table(scores, instruments, None, 0.5).apcer["print"].interval

    assert by_subject.high - by_subject.low > 4 * (by_formula.high - by_formula.low)
    assert by_subject.low <= by_subject.estimate <= by_subject.high


def test_no_error_is_no_certainty():
    report = pad_table(np.r_[np.ones(40), np.zeros(40)], ["bona_fide"] * 40 + ["print"] * 40, ["a", "b"] * 40, 0.5)

    # Two subjects: with none seen to fail, the exact bound for two trials.
    assert report.bpcer.interval.high == pytest.approx(1 - 0.05 ** (1 / 2))
    assert report.apcer["print"].interval.high == pytest.approx(1 - 0.05 ** (1 / 2))
    assert report.acer.high == pytest.approx(1 - 0.05 ** (1 / 2))


def test_bpcer_at_fixed_apcer_holds_for_every_instrument_and_asks_for_enough_attacks():
    random = np.random.default_rng(1)
    scores = np.r_[random.normal(3, 1, 500), random.normal(0, 1, 400), random.normal(1, 1, 90)]
    instruments = np.array(["bona_fide"] * 500 + ["print"] * 400 + ["mask"] * 90)

    ten, twenty, hundred = pad_table(scores, instruments, None, 0.5).points

    for point in (ten, twenty):
        for kind in ("print", "mask"):
            assert np.mean(scores[instruments == kind] >= point.threshold) <= point.apcer
        assert point.bpcer == np.mean(scores[:500] < point.threshold)
    assert twenty.bpcer >= ten.bpcer
    assert (hundred.bpcer, hundred.threshold, hundred.attacks, hundred.needed) == (None, None, 90, 300)


@pytest.mark.parametrize(
    ("scores", "instruments", "subjects", "threshold"),
    [
        (np.where(SCORES == 0.9, np.nan, SCORES), INSTRUMENTS, None, 0.5),
        (SCORES[:3], INSTRUMENTS, None, 0.5),
        (SCORES, INSTRUMENTS, SUBJECTS[:3], 0.5),
        (SCORES, ["bona_fide"] * 12, None, 0.5),
        (SCORES, ["print"] * 12, None, 0.5),
        (SCORES, INSTRUMENTS, None, np.nan),
    ],
)
def test_what_would_falsify_a_rate_is_refused(scores, instruments, subjects, threshold):
    with pytest.raises(ValueError):
        pad_table(scores, instruments, subjects, threshold)
