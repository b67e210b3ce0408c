"""The policy as values: the environment, and over it what an operator has set. Pure functions, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import log
from typing import Any

from authsite.env import GATES, Environment

REQUIRE, ADVISE, OFF = "require", "advise", "off"
# These only sharpen: they are required where their weights are at hand, and an installation without them is a whole one.
IF_THERE = "if_there"
SHARPENING = ("minifasnet", "vit")
# What a gate's rule is where nobody says anything, as in worker/cascade/types.py, which stays unseen here.
ADVISED = ("forgery", "voice_spoof")


@dataclass(frozen=True, slots=True)
class PolicyValues:
    """Everything that an operator may set, named as in the environment.

    Arguments:
        number: the change that holds; 0 is the environment alone.
        gates: the rule of every gate, also of those that nobody has set.
    """

    number: int
    prior: float
    cost_false_match: float
    cost_false_non_match: float
    confidence_low: float
    confidence_high: float
    required_modalities: tuple[str, ...]
    gates: Mapping[str, str]
    challenges: tuple[str, ...]
    challenge_count: int
    challenge_choice: bool
    challenge_deadline_seconds: int
    second_factor_after_challenge: bool
    operators_need_second_factor: bool
    replay_memory: int
    capture_retention_days: int
    attempt_retention_days: int
    enrolment_job_retention_days: int

    @property
    def threshold(self) -> float:
        """The natural-log likelihood ratio at which the posterior is one half, costs included."""
        return log(1 - self.prior) - log(self.prior) + log(self.cost_false_match) - log(self.cost_false_non_match)

    def ratio_at(self, posterior: float) -> float:
        """The natural-log likelihood ratio that makes the posterior (in (0, 1)) this high."""
        return self.threshold + log(posterior) - log(1 - posterior)


# What goes wrong with values that make no policy; OverflowError: a whole number too large for a real one.
NO_POLICY = (ValueError, TypeError, OverflowError)
NAMES = tuple(one.name for one in fields(PolicyValues) if one.name != "number")
LISTS = ("required_modalities", "challenges")


def from_environment(env: Environment) -> PolicyValues:
    """What holds as long as no operator has set anything."""
    values = {name: getattr(env, name) for name in NAMES}
    values["gates"] = {gate: _unset(gate) for gate in GATES} | env.gates
    return _made(0, values)


def _unset(gate: str) -> str:
    if gate in SHARPENING:
        return IF_THERE
    return ADVISE if gate in ADVISED else REQUIRE


def overlaid(base: PolicyValues, values: Mapping[str, Any], *, number: int) -> PolicyValues:
    """``values`` over ``base``, unchecked. Of the gates, too, those that ``values`` do not name stay as they are.

    Raises:
        ValueError: one of them is no field of a policy, or not of its type.
    """
    unknown = set(values) - set(NAMES)
    if unknown:
        raise ValueError(f"a policy has no {', '.join(sorted(unknown))}")
    before = as_json(base)
    for name, value in values.items():
        if not _fits(before[name], value):
            raise ValueError(f"{name} is not of the right type")
    gates = before["gates"] | values.get("gates", {})
    return _made(number, before | dict(values) | {"gates": gates})


def as_json(values: PolicyValues) -> dict[str, Any]:
    """All fields but the number, as plain JSON values, lists sorted."""
    plain = asdict(values)
    plain.pop("number")
    return plain | {name: sorted(plain[name]) for name in LISTS} | {"gates": dict(values.gates)}


def differing(values: PolicyValues, base: PolicyValues) -> dict[str, Any]:
    """Those fields of ``values`` that are not as in ``base``, as plain JSON values; of the gates only those that are not."""
    before = as_json(base)
    found = {name: value for name, value in as_json(values).items() if value != before[name]}
    if "gates" in found:
        rules = before["gates"]
        found["gates"] = {gate: rule for gate, rule in found["gates"].items() if rule != rules.get(gate)}
    return found


def _made(number: int, values: Mapping[str, Any]) -> PolicyValues:
    lists = {name: tuple(sorted(set(values[name]))) for name in LISTS}
    return PolicyValues(number=number, **{**values, **lists, "gates": dict(values["gates"])})


def _fits(example: object, value: object) -> bool:
    """Whether ``value`` is of the type of ``example``; a whole number passes for a real one, a truth value for none."""
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(example, bool) and isinstance(value, bool)
    if isinstance(example, float):
        return isinstance(value, int | float)
    if isinstance(example, list):
        return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if isinstance(example, dict):
        return isinstance(value, dict) and all(isinstance(one, str) for one in (*value, *value.values()))
    return isinstance(value, type(example))
