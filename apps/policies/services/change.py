"""A change of the policy: checked against the bounds, asked twice where it weakens, written once, audited either way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from django.db import IntegrityError, transaction

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.policies.models import SHORTEST_REASON, PolicyVersion
from apps.policies.safety import unsafe
from apps.policies.selectors import environment_policy, policy_to_change
from apps.policies.values import NO_POLICY, PolicyValues, as_json, differing, overlaid
from apps.policies.weakening import weaker

LONGEST_REASON = 1000
REPAIR = "The policy that holds cannot be read, so nobody is let in. This change lets people in again."


class Actor(Protocol):
    """Who changes the policy: an account."""

    @property
    def pk(self) -> Any: ...

    def get_username(self) -> str: ...


def change_policy(
    *,
    values: Mapping[str, Any],
    reason: str,
    actor: Actor,
    based_on: int,
    confirmed: bool = False,
    address: str | None = None,
) -> PolicyVersion:
    """Set a policy. What ``values`` do not name stays as it is.

    Arguments:
        values: fields of ``PolicyValues`` as plain JSON values.
        based_on: the number of the policy that the operator saw.
        confirmed: the operator has read what gets weaker, and has said so.

    Raises:
        CosmicError: ``policy_unsafe`` with sentences by field; ``policy_weaker`` (409) with ``fields["weaker"]`` where it
            weakens and is not confirmed; ``policy_changed_meanwhile`` (409); ``invalid_request`` for a reason that is too
            short and for a change that changes nothing. Each of them is an audit event, which carries numbers and values
            and never the reason: words of people can be erased nowhere in the trail.
    """
    try:
        return _change(values, reason.strip(), actor, based_on, confirmed, address)
    except CosmicError as error:
        _record_refusal(error, values, actor, based_on, address)
        raise


@transaction.atomic
def _change(
    values: Mapping[str, Any],
    reason: str,
    actor: Actor,
    based_on: int,
    confirmed: bool,
    address: str | None,
) -> PolicyVersion:
    before, readable = policy_to_change()
    if before.number != based_on:
        raise CosmicError(ErrorCode.POLICY_CHANGED_MEANWHILE, status=409)
    after = _checked(before, values, reason)
    if readable and not differing(after, before):
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"values": ["Nothing would change."]})
    lost = weaker(before, after) if readable else [REPAIR, *weaker(before, after)]
    if lost and not confirmed:
        raise CosmicError(ErrorCode.POLICY_WEAKER, status=409, fields={"weaker": lost})
    version = _stored(before, after, reason, actor)
    record_event(
        action="policy.changed",
        actor_id=actor.pk,
        result="weaker" if lost else "not_weaker",
        address=address,
        reference=version.number,
        details={"changes": version.changes, "number": version.number},
    )
    return version


def _stored(before: PolicyValues, after: PolicyValues, reason: str, actor: Actor) -> PolicyVersion:
    """The number is unique: of two changes at once the database lets one through."""
    try:
        with transaction.atomic():
            return PolicyVersion.objects.create(
                number=after.number,
                values=differing(after, environment_policy()),
                changes=changes_between(before, after),
                reason=reason,
                changed_by=actor.get_username(),
            )
    except IntegrityError as taken:
        raise CosmicError(ErrorCode.POLICY_CHANGED_MEANWHILE, status=409) from taken


def changes_between(before: PolicyValues, after: PolicyValues) -> dict[str, list[Any]]:
    """``{field: [before, after]}`` of what differs; of the gates only those that do, as ``gate face``."""
    was, changed = as_json(before), differing(after, before)
    rules = changed.pop("gates", {})
    found = {name: [was[name], value] for name, value in changed.items()}
    return found | {f"gate {gate}": [was["gates"].get(gate), rule] for gate, rule in rules.items()}


def _checked(before: PolicyValues, values: Mapping[str, Any], reason: str) -> PolicyValues:
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        told = f"{SHORTEST_REASON} to {LONGEST_REASON} characters."
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"reason": [told]})
    try:
        after = overlaid(before, values, number=before.number + 1)
        wrong = unsafe(after)
    except NO_POLICY as error:
        raise CosmicError(ErrorCode.POLICY_UNSAFE, fields={"values": [str(error)]}) from error
    if wrong:
        raise CosmicError(ErrorCode.POLICY_UNSAFE, fields=wrong)
    return after


def _record_refusal(
    error: CosmicError,
    values: Mapping[str, Any],
    actor: Actor,
    based_on: int,
    address: str | None,
) -> None:
    """In a transaction of its own: that of the change was rolled back."""
    before, _ = policy_to_change()
    try:
        wanted = {
            name: [_hashable(one) for one in pair]
            for name, pair in changes_between(before, overlaid(before, values, number=0)).items()
        }
    except NO_POLICY:
        wanted = {str(name)[:64]: ["", "unreadable"] for name in values}
    record_event(
        action="policy.refused",
        actor_id=actor.pk,
        result=error.code.value,
        address=address,
        reference=str(based_on),
        details={"changes": wanted, "number": based_on, "because": error.fields},
    )


def _hashable(value: Any) -> Any:
    """A number that is none is no JSON, which the trail hashes."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
