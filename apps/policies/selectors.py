"""The policy that holds now. Read anew at each call: a change counts at once, in every process."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import replace
from typing import Any

from django.conf import settings

from apps.errors import CosmicError, ErrorCode
from apps.policies.models import PolicyVersion
from apps.policies.safety import unsafe
from apps.policies.values import NO_POLICY, PolicyValues, as_json, from_environment, overlaid
from apps.policies.words import LABELS, Line, spoken
from authsite.env import GATES

log = logging.getLogger(__name__)


def current_policy() -> PolicyValues:
    """The environment, and over it the newest change.

    Raises:
        CosmicError: ``policy_unreadable`` (503) when the newest change cannot be read or breaks a bound, alone or with
            today's environment. Nobody is let in on another policy instead.
    """
    base = from_environment(settings.ENV)
    try:
        newest = PolicyVersion.objects.order_by("-number").values_list("number", "values").first()
        return base if newest is None else _checked(base, *newest)
    except NO_POLICY as error:
        log.error("the policy cannot be read: %s", error)
        raise CosmicError(ErrorCode.POLICY_UNREADABLE, status=503) from error


def policy_to_change() -> tuple[PolicyValues, bool]:
    """What the next change starts from, and whether it could be read. Where it could not, that is the environment under
    the number of the change that holds: an operator has to be able to repair it."""
    try:
        return current_policy(), True
    except CosmicError:
        number = PolicyVersion.objects.order_by("-number").values_list("number", flat=True).first() or 0
        return replace(environment_policy(), number=number), False


def environment_policy() -> PolicyValues:
    """What holds where no change says otherwise."""
    return from_environment(settings.ENV)


def policy_at(number: int) -> PolicyValues:
    """What change ``number`` would mean today; 0 is the environment alone.

    Raises:
        CosmicError: ``not_found`` (404) where there is no such change, ``policy_unreadable`` (503).
    """
    base = from_environment(settings.ENV)
    if number == 0:
        return base
    found = PolicyVersion.objects.filter(number=number).values_list("values", flat=True).first()
    if found is None:
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    try:
        return _laid_over(base, number, found)
    except NO_POLICY as error:
        raise CosmicError(ErrorCode.POLICY_UNREADABLE, status=503) from error


def in_lines(policy: PolicyValues) -> list[Line]:
    """The policy for a page, one line a field and gate, each with the change that has set it."""
    history = PolicyVersion.objects.filter(number__lte=policy.number).order_by("number")
    set_by: dict[str, int] = defaultdict(lambda: policy.number)
    for number, changes in history.values_list("number", "changes"):
        set_by |= dict.fromkeys(changes, number)
    was, now = as_json(environment_policy()), as_json(policy)
    flat = {name: (was[name], value) for name, value in now.items() if name != "gates"}
    flat |= {f"gate {gate}": (was["gates"][gate], rule) for gate, rule in now["gates"].items()}
    return [
        Line(LABELS.get(name, name), spoken(value), "environment" if value == base else f"change {set_by[name]}")
        for name, (base, value) in flat.items()
    ]


def _checked(base: PolicyValues, number: int, values: Any) -> PolicyValues:
    """Raises one of NO_POLICY for what must not hold."""
    policy = _laid_over(base, number, values)
    wrong = unsafe(policy)
    if wrong:
        raise ValueError(f"change {number}: {wrong}")
    return policy


def _laid_over(base: PolicyValues, number: int, values: Any) -> PolicyValues:
    """Stored values over ``base``. A gate that this release does not know is none that it could ask.

    Raises:
        ValueError, TypeError, OverflowError: they make no policy.
    """
    if not isinstance(values, dict):
        raise ValueError("a policy's values are an object")
    gates = values.get("gates")
    if isinstance(gates, dict) and (unknown := sorted(set(gates) - set(GATES))):
        log.warning("change %s sets gates that this release does not know: %s", number, ", ".join(unknown))
        values = values | {"gates": {gate: rule for gate, rule in gates.items() if gate in GATES}}
    return overlaid(base, values, number=number)
