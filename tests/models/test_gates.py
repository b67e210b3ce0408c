"""Gate cards: what they say is finite or nothing, and what lies on disk is a gate or refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelMissing
from models.gates import MOST_DEVIATIONS, SHIPPED, Cue, GateCard, load_gate, read_gate, write_gate
from models.registry import Places

CARD = GateCard(
    name="made_up",
    cues=(Cue("moire", 2.0, 0.5, -1.5), Cue("blur", 10.0, 4.0, 0.25)),
    offset=0.75,
    threshold=-1.0,
    bpcer_set=0.01,
    data=("drawn",),
    made_at="2026-11-24",
    command="none",
)


def places(state: Path) -> Places:
    return Places(models_dir=None, state_dir=state)


def test_the_ratio_is_the_offset_and_each_cues_share():
    values = {"moire": 3.0, "blur": 6.0, "not weighed": 99.0}

    shares = CARD.shares(values)

    assert shares == {"moire": -3.0, "blur": -0.25}
    assert CARD.llr(values) == pytest.approx(0.75 - 3.25)
    assert CARD.llr({"moire": 2.0, "blur": 10.0}) == pytest.approx(0.75)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_no_cue_weighs_more_than_its_edge(moire: float, blur: float):
    largest = MOST_DEVIATIONS * (1.5 + 0.25)

    assert abs(CARD.llr({"moire": moire, "blur": blur}) - 0.75) <= largest


@pytest.mark.parametrize(
    "values", [{}, {"moire": 2.0}, {"moire": math.nan, "blur": 1.0}, {"moire": 2.0, "blur": math.inf}]
)
def test_what_could_not_be_measured_does_not_pass(values: dict):
    with pytest.raises(ValueError, match="missing or no number"):
        CARD.llr(values)


def test_a_card_survives_the_disk(tmp_path: Path):
    assert read_gate(write_gate(CARD, tmp_path)) == CARD


def test_the_operators_own_comes_first(tmp_path: Path):
    name = next(SHIPPED.glob("*.json")).stem
    assert load_gate(name, places(tmp_path)).name == name

    write_gate(replace(CARD, name=name), tmp_path / "gates")

    assert load_gate(name, places(tmp_path)).data == ("drawn",)


def test_a_gate_that_nobody_calibrated_is_missing(tmp_path: Path):
    with pytest.raises(ModelMissing, match="never calibrated"):
        load_gate("made_up", places(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"cues": []},
        {"offset": math.nan},
        {"threshold": math.inf},
        {"cues": [{"name": "moire", "centre": 0.0, "scale": 0.0, "weight": 1.0}]},
        {"cues": [{"name": "moire"}]},
        {"surprise": 1},
    ],
)
def test_a_file_that_is_no_gate_is_refused(tmp_path: Path, change: dict):
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(CARD.to_json() | change))

    with pytest.raises(ModelMissing, match="cannot be read"):
        read_gate(path)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_every_shipped_gate_says_what_it_was_measured_on(path: Path):
    card = read_gate(path)

    assert card.name == path.stem
    assert card.data
    assert card.command
    assert card.measured
    assert 0 < card.bpcer_set < 1
