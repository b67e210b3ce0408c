"""Fitting gates: instruments weigh alike, thresholds come from training people, folds share none."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.pad import BONA_FIDE
from models.training.gate import GateTable, cross_measure, fit_gate, llrs_of, summary


def drawn(
    counts: dict[str, int],
    *,
    shift: float = 3.0,
    subjects: int = 20,
    datasets: tuple[str, ...] = ("one",),
    seed: int = 0,
) -> GateTable:
    """Three cues: the first parts bona fide from attacks by ``shift`` deviations, the others are noise."""
    random = np.random.default_rng(seed)
    instrument = np.repeat(list(counts), list(counts.values()))
    values = random.normal(size=(len(instrument), 3))
    values[:, 0] += shift * (instrument == BONA_FIDE)
    return GateTable(
        ("telling", "noise", "more noise"),
        values,
        instrument,
        np.array([f"person {index}" for index in random.integers(0, subjects, len(instrument))]),
        np.array(datasets)[random.integers(0, len(datasets), len(instrument))],
    )


def test_the_telling_cue_weighs_most():
    card = fit_gate(drawn({BONA_FIDE: 300, "print": 300}), name="drawn", command="")

    weights = {cue.name: abs(cue.weight) for cue in card.cues}
    assert weights["telling"] > 10 * max(weights["noise"], weights["more noise"])


def test_the_ratio_is_calibrated():
    """With equal variances d deviations apart, the ratio of x is d x - d^2 / 2, whatever the classes' sizes."""
    table = drawn({BONA_FIDE: 4000, "print": 400}, shift=2.0)

    card = fit_gate(table, name="drawn", command="")

    at = [{"telling": x, "noise": 0.0, "more noise": 0.0} for x in (0.0, 1.0, 2.0)]
    assert [card.llr(values) for values in at] == pytest.approx([-2.0, 0.0, 2.0], abs=0.35)


def test_a_rare_instrument_counts_as_much_as_a_common_one():
    """Two instruments, each told by a cue of its own; one is fifty times as common."""
    random = np.random.default_rng(1)
    instrument = np.repeat([BONA_FIDE, "common", "rare"], [2000, 2000, 40])
    values = random.normal(size=(len(instrument), 2))
    values[instrument == "common", 0] -= 3
    values[instrument == "rare", 1] -= 3
    people = np.array([f"person {index}" for index in random.integers(0, 20, len(instrument))])
    table = GateTable(("first", "second"), values, instrument, people, np.full(len(instrument), "one"))

    first, second = fit_gate(table, name="drawn", command="").cues

    assert second.weight / second.scale > 0.5 * first.weight / first.scale


@pytest.mark.parametrize("bpcer", [0.01, 0.05])
def test_the_threshold_refuses_no_more_than_set_of_any_data_set(bpcer: float):
    table = drawn({BONA_FIDE: 1000, "print": 500}, datasets=("one", "another"))

    card = fit_gate(table, name="drawn", command="", bpcer_set=bpcer)

    for dataset in ("one", "another"):
        llrs = llrs_of(card, table.rows(table.bona_fide & (table.dataset == dataset)))
        assert (llrs < card.threshold).mean() <= bpcer


def test_measuring_on_others_is_worse_than_on_oneself_when_cues_know_people():
    """A cue that names the person but not the class: only folds without shared people show that it is worth nothing."""
    random = np.random.default_rng(2)
    person = random.integers(0, 30, 900)
    instrument = np.where(person % 2 == 0, BONA_FIDE, "print")  # each person on one side only
    one_hot = np.eye(30)[person] + random.normal(scale=0.01, size=(900, 30))
    names = tuple(f"person {index}" for index in range(30))
    table = GateTable(names, one_hot, instrument, np.array([names[one] for one in person]), np.full(900, "one"))
    card = fit_gate(table, name="drawn", command="")

    report = cross_measure(table).report

    seen = llrs_of(card, table) >= card.threshold
    assert np.mean(seen[instrument == "print"]) < 0.01
    assert report.acer.estimate > 0.25


def test_figures_come_with_counts_and_intervals():
    values = summary(cross_measure(drawn({BONA_FIDE: 300, "print": 200, "screen": 100})).report)

    assert set(values["apcer"]) == {"print", "screen"}
    assert values["apcer"]["screen"]["trials"] == 100
    low, high = values["bpcer"]["interval"]
    assert low <= values["bpcer"]["rate"] <= high
    assert values["subjects"] == 20


def test_tables_that_do_not_fit_are_refused():
    table = drawn({BONA_FIDE: 30, "print": 30})

    with pytest.raises(ValueError, match="finite"):
        GateTable(("one",), np.array([[np.nan]]), np.array(["print"]), np.array(["p"]), np.array(["d"]))
    with pytest.raises(ValueError, match="both needed"):
        fit_gate(table.rows(table.bona_fide), name="drawn", command="")
    with pytest.raises(ValueError, match="as many subjects"):
        cross_measure(drawn({BONA_FIDE: 30, "print": 30}, subjects=3))
