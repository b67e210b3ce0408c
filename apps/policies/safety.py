"""Bounds that no policy crosses, whatever the reason given. Pure functions."""

from __future__ import annotations

import math
from collections import defaultdict

from apps.policies.values import IF_THERE, OFF, REQUIRE, SHARPENING, PolicyValues
from authsite.env import CHALLENGES, GATES, MODALITIES, RULES

LONGEST_RETENTION = 3650  # days
LEAST_PRIOR = 1e-6
COSTS = (1e-3, 1e3)
DEADLINES = (5, 600)  # seconds
MEMORIES = (1, 1000)
LIVENESS = ("stream", "picture", "minifasnet", "vit", "flat")


def unsafe(values: PolicyValues) -> dict[str, list[str]]:
    """What is wrong, in sentences by field; empty for a policy that may hold."""
    found: dict[str, list[str]] = defaultdict(list)
    _check_decision(values, found)
    _check_presence(values, found)
    for name, least in (
        ("capture_retention_days", 0),
        ("attempt_retention_days", 1),
        ("enrolment_job_retention_days", 1),
    ):
        if not least <= getattr(values, name) <= LONGEST_RETENTION:
            found[name].append(f"Between {least} and {LONGEST_RETENTION} days.")
    return dict(found)


def _check_decision(values: PolicyValues, found: dict[str, list[str]]) -> None:
    numbers = all(
        math.isfinite(getattr(values, name))
        for name in ("prior", "cost_false_match", "cost_false_non_match", "confidence_low", "confidence_high")
    )
    if not numbers or not LEAST_PRIOR <= values.prior < 1:
        found["prior"].append(f"A number of at least {LEAST_PRIOR:g} and below 1.")
    for name in ("cost_false_match", "cost_false_non_match"):
        if not COSTS[0] <= getattr(values, name) <= COSTS[1]:
            found[name].append(f"Between {COSTS[0]:g} and {COSTS[1]:g}.")
    if not 0 < values.confidence_low <= values.confidence_high < 1:
        found["confidence_low"].append("The band is upside down, or not between 0 and 1.")
    elif values.confidence_high < 0.5:
        found["confidence_high"].append("Below one half: somebody else would be let in who is the likelier one.")
    if not found and values.threshold < 0:
        found["prior"].append("With these costs people would be let in whose likeness speaks against them.")
    if not values.required_modalities or not set(values.required_modalities) <= MODALITIES:
        found["required_modalities"].append("At least one of face and voice has to be required.")


def _check_presence(values: PolicyValues, found: dict[str, list[str]]) -> None:
    """Something has to say that the person is there."""
    rules = dict(values.gates)
    known = all(rule in RULES or (rule == IF_THERE and gate in SHARPENING) for gate, rule in rules.items())
    if set(rules) != set(GATES) or not known:
        found["gates"].append("Each gate needs one of the rules require, advise, off.")
    elif all(rule == OFF for rule in rules.values()):
        found["gates"].append("All gates would be off.")
    elif not values.challenge_count and all(rules[gate] != REQUIRE for gate in LIVENESS):
        found["gates"].append("Without a challenge one of the gates for liveness has to be required.")
    if not set(values.challenges) <= set(CHALLENGES):
        found["challenges"].append(f"Only {', '.join(CHALLENGES)}.")
    if not 0 <= values.challenge_count <= len(values.challenges):
        found["challenge_count"].append("Not more challenges than there are kinds to draw from.")
    if not DEADLINES[0] <= values.challenge_deadline_seconds <= DEADLINES[1]:
        found["challenge_deadline_seconds"].append(f"Between {DEADLINES[0]} and {DEADLINES[1]} seconds.")
    if not MEMORIES[0] <= values.replay_memory <= MEMORIES[1]:
        found["replay_memory"].append(f"Between {MEMORIES[0]} and {MEMORIES[1]} captures.")
