"""Scores of strings against what a network says, held against sums over every alignment."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from models.digits.score import BLANK, SYMBOLS, heard, moments_of, odds, rivals, string_log_probabilities


def drawn(moments: int, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 2, (moments, SYMBOLS))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


def saying(symbols: list[int], sure: float = 0.9) -> np.ndarray:
    """Log-probabilities of a network that is ``sure`` of one symbol at each moment."""
    found = np.full((len(symbols), SYMBOLS), (1 - sure) / (SYMBOLS - 1))
    found[np.arange(len(symbols)), symbols] = sure
    return np.log(found).astype(np.float32)


def spoken(digits: str, sure: float = 0.9) -> np.ndarray:
    """Each digit for two moments with blanks around it."""
    return saying([BLANK, *(symbol for d in digits for symbol in (int(d), int(d), BLANK))], sure)


def collapsed(path: tuple[int, ...]) -> str:
    return "".join(str(symbol) for symbol, _ in itertools.groupby(path) if symbol != BLANK)


def test_a_string_is_as_likely_as_all_its_alignments_together():
    found = drawn(4)
    sums: dict[str, float] = {}
    for path in itertools.product(range(SYMBOLS), repeat=4):
        if any(one != after and BLANK not in (one, after) for one, after in itertools.pairwise(path)):
            continue  # there is a blank between two digits
        text = collapsed(path)
        sums[text] = sums.get(text, 0.0) + math.exp(sum(found[at, symbol] for at, symbol in enumerate(path)))

    strings = ["", "3", "33", "31", "00"]
    ours = string_log_probabilities(found, strings)

    assert ours == pytest.approx([math.log(sums[one]) for one in strings], abs=1e-5)


def test_a_digit_said_twice_is_heard_twice_only_with_a_pause_between():
    assert heard(saying([3, 3, BLANK, 3])) == "33"
    assert heard(saying([3, 3, BLANK, 1, 1])) == "31"
    assert heard(saying([BLANK, BLANK])) == ""


def test_a_wavering_voice_reads_as_one_digit():
    found = saying([BLANK, 3, 3, 5, BLANK], sure=0.6)

    assert heard(found) == "3"
    assert odds(found, "3") > 0


def test_what_was_said_wins_and_everything_near_it_loses():
    found = spoken("3141")

    assert odds(found, "3141") > 1
    assert all(odds(found, other) < -1 for other in [*rivals("3141"), "1413", "2718", "3114"])


def test_a_network_that_is_unsure_scores_nearer_to_nothing():
    assert 0 < odds(spoken("3141", sure=0.3), "3141") < odds(spoken("3141", sure=0.99), "3141")


def test_silence_refuses_every_string():
    assert odds(saying([BLANK] * 30), "3141") < -5


def test_rivals_are_one_step_away():
    near = rivals("12")

    assert {"1", "2", "13", "112", "123"} <= near
    assert "12" not in near
    assert {len(one) for one in near} == {1, 2, 3}


def test_a_score_is_finite_even_of_a_network_that_rules_digits_out():
    found = np.full((20, SYMBOLS), -np.inf, np.float32)
    found[:, BLANK] = 0.0

    assert math.isfinite(odds(found, "3141"))
    assert odds(found, "3141") < 0


def test_digits_are_placed_where_they_were_said():
    found = saying([BLANK] * 5 + [3] + [BLANK] * 4 + [1, 1] + [BLANK] * 5 + [1] + [BLANK] * 2)

    first, second, third = moments_of(found, "311")

    assert first == 5
    assert second in {10, 11}
    assert third == 17


@pytest.mark.parametrize("expected", ["", "12a4", "\N{FULLWIDTH DIGIT ONE}2", "-1"])
def test_what_is_no_string_of_digits_is_refused(expected: str):
    with pytest.raises(ValueError, match="no string of digits"):
        odds(spoken("1234"), expected)


def test_no_number_and_too_short_a_recording_are_refused():
    broken = spoken("1234")
    broken[3, 2] = np.nan

    with pytest.raises(ValueError, match="no log-probabilities"):
        odds(broken, "1234")
    with pytest.raises(ValueError, match="too short"):
        odds(saying([BLANK] * 7), "1234")
