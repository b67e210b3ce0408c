"""What policy makes of a gate: required ones refuse when they fail and when they cannot judge."""

from __future__ import annotations

import math

import pytest

from worker.cascade.gates import MAY_ABSTAIN, REFUSALS, GateLog
from worker.cascade.types import Gate, Policy, Reason, Rule
from worker.engines.types import GateReading, RuleReading


def reading(llr: float) -> GateReading:
    return GateReading("a card", llr, -1.0, {"cue": 0.5})


def cannot() -> GateReading:
    raise ValueError("no speech")


def log(rule: Rule, *gates: Gate) -> GateLog:
    return GateLog(Policy(gates=dict.fromkeys(gates or Gate, rule)))


def test_every_gate_has_a_reason_to_refuse():
    assert set(REFUSALS) == set(Gate)


@pytest.mark.parametrize("gate", Gate)
def test_an_unsaid_rule_requires(gate: Gate):
    assert Policy().rule(gate) is Rule.REQUIRE


@pytest.mark.parametrize(("llr", "passes"), [(0.0, True), (-1.0, True), (-1.001, False), (math.nan, False)])
def test_a_required_gate_refuses_below_its_threshold(llr: float, passes: bool):
    asked = log(Rule.REQUIRE)

    assert asked.ask(Gate.PICTURE, lambda: reading(llr)) is passes

    assert asked.refused == (None if passes else (Gate.PICTURE, Reason.NOT_LIVE))


@pytest.mark.parametrize("gate", sorted(set(Gate) - MAY_ABSTAIN))
def test_a_required_gate_that_cannot_judge_refuses(gate: Gate):
    for judge, reason in ((None, Reason.MODEL_MISSING), (cannot, REFUSALS[gate]), (lambda: None, REFUSALS[gate])):
        asked = log(Rule.REQUIRE)

        assert asked.ask(gate, judge) is None

        assert asked.refused == (gate, reason)


def test_holding_still_alone_refuses_nobody():
    asked = log(Rule.REQUIRE)

    assert asked.ask(Gate.FLAT, lambda: None) is None

    assert asked.refused is None
    assert asked.values["flat"]["why"] == "too little to tell"


def test_a_fault_of_the_gate_is_no_pass():
    def broken() -> GateReading:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):  # the pipeline makes a refusal of it
        log(Rule.ADVISE).ask(Gate.LIPS, broken)


def test_an_advisory_gate_writes_and_refuses_nobody():
    asked = log(Rule.ADVISE)

    asked.ask(Gate.FORGERY, lambda: reading(-9.0))
    asked.ask(Gate.VOICE_SPOOF, None)

    assert asked.refused is None
    assert asked.values["forgery"]["passed"] is False
    assert asked.values["voice_spoof"] == {"rule": "advise", "passed": None, "why": "its model is missing"}


def test_a_gate_that_is_off_is_not_asked():
    asked = log(Rule.OFF)

    assert asked.ask(Gate.LIPS, cannot) is None

    assert (asked.values, asked.refused) == ({}, None)


def test_the_first_refusal_is_the_one_that_is_told():
    asked = log(Rule.REQUIRE)

    asked.ask(Gate.STREAM, lambda: RuleReading("stream", "frozen", {}))
    asked.ask(Gate.PICTURE, lambda: reading(-9.0))

    assert asked.refused == (Gate.STREAM, Reason.STREAM_NOT_LIVE)
    assert asked.values["stream"]["fault"] == "frozen"
    assert asked.values["picture"]["cues"] == {"cue": 0.5}
