"""What the gates of one stage say, for the evidence, and which of them refuses first."""

from __future__ import annotations

from collections.abc import Callable

from worker.cascade.types import Gate, Policy, Reason, Rule
from worker.engines.types import GateReading, RuleReading

Reading = GateReading | RuleReading

REFUSALS = {
    Gate.STREAM: Reason.STREAM_NOT_LIVE,
    Gate.PICTURE: Reason.NOT_LIVE,
    Gate.MINIFASNET: Reason.NOT_LIVE,
    Gate.VIT: Reason.NOT_LIVE,
    Gate.FLAT: Reason.NOT_LIVE,
    Gate.LIPS: Reason.LIPS_NOT_SPEAKING,
    Gate.FORGERY: Reason.MANIPULATED,
    Gate.VOICE_SPOOF: Reason.VOICE_NOT_NATURAL,
    Gate.REPLAY: Reason.REPLAYED,
}
# Somebody who holds still shows neither a plane nor a head. That alone refuses nobody: the stage asks for a sign of
# life besides.
MAY_ABSTAIN = {Gate.FLAT}
TOLD = 5  # cues of a gate whose share in its ratio is told apart


class GateLog:
    """Asks gates as policy says and notes what they answer. A required gate that cannot judge refuses."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.values: dict[str, dict[str, object]] = {}
        self.refused: tuple[Gate, Reason] | None = None

    def ask(self, gate: Gate, judge: Callable[[], Reading | None] | None) -> bool | None:
        """Whether the gate passes; None where it does not say.

        Arguments:
            judge: None where the gate's model is not at hand. ValueError says that there is too little to tell.
        """
        rule = self._policy.rule(gate)
        if rule is Rule.OFF:
            return None
        if judge is None:
            return self._note(gate, rule, None, "its model is missing", Reason.MODEL_MISSING)
        try:
            reading = judge()
        except ValueError as error:
            return self._note(gate, rule, None, str(error), REFUSALS[gate])
        if reading is None:
            reason = None if gate in MAY_ABSTAIN else REFUSALS[gate]
            return self._note(gate, rule, None, "too little to tell", reason)
        return self._note(gate, rule, reading, "", None if reading.passed else REFUSALS[gate])

    def _note(self, gate: Gate, rule: Rule, reading: Reading | None, why: str, refusal: Reason | None) -> bool | None:
        self.values[gate.value] = {"rule": rule.value, "passed": None, "why": why, **_values(reading)}
        if refusal is not None and rule is Rule.REQUIRE and self.refused is None:
            self.refused = (gate, refusal)
        return None if reading is None else reading.passed


def _values(reading: Reading | None) -> dict[str, object]:
    """A reading as plain JSON values. ``card`` names the calibration, ``because`` the cues that weighed most, ``fault``
    what a rule found."""
    if reading is None:
        return {}
    values: dict[str, object] = {
        "passed": reading.passed,
        "card": reading.gate,
        "cues": {name: round(float(value), 5) for name, value in reading.cues.items()},
    }
    if isinstance(reading, GateReading):
        heaviest = sorted(reading.shares.items(), key=lambda pair: -abs(pair[1]))[:TOLD]
        because = {name: round(share, 3) for name, share in heaviest}
        return values | {"llr": round(reading.llr, 4), "threshold": round(reading.threshold, 4), "because": because}
    return values | {"fault": reading.fault}
