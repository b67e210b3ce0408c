"""Whether the chain is whole: every event that was changed, removed, inserted or moved is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.audit.chain import GENESIS, link
from apps.audit.models import ChainHead, Checkpoint, Event
from apps.audit.services.checkpoints import signature_holds

BATCH = 2000


class Fault(StrEnum):
    CHANGED = "changed"  # its content is not what was hashed
    REMOVED = "removed"  # its number is missing
    OUT_OF_PLACE = "out of place"  # it does not follow the event before it: inserted, or moved
    CUT_OFF = "cut off"  # events after it are gone
    FORGED_CHECKPOINT = "forged checkpoint"  # the signature is not of that key
    REWRITTEN = "rewritten"  # a checkpoint says that the chain was another one


@dataclass(frozen=True, slots=True)
class Finding:
    sequence: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Statement:
    """A checkpoint, from the database or from a file that was kept elsewhere."""

    sequence: int
    hash: str
    at: str
    key: str
    signature: str


def verify_chain(statements: list[Statement], *, trusted_key: str | None = None) -> tuple[int, list[Finding]]:
    """How many events there are, and what is wrong with them, in order.

    Arguments:
        statements: checkpoints to hold the chain against.
        trusted_key: the only public key (hexadecimal) that may have signed; any, when not said.
    """
    claimed = {one.sequence: one for one in statements}
    count, findings = 0, []
    expected, before = 1, GENESIS
    for event in Event.objects.order_by("sequence", "pk").iterator(chunk_size=BATCH):
        count += 1
        findings += [Finding(missing, Fault.REMOVED) for missing in range(expected, event.sequence)]
        findings += _faults_of(event, before, follows=event.sequence == expected)
        statement = claimed.pop(event.sequence, None)
        if statement is not None and statement.hash != event.hash:
            findings.append(Finding(event.sequence, Fault.REWRITTEN))
        expected, before = event.sequence + 1, event.hash
    findings += _ending(expected - 1, before, claimed)
    findings += _forged(statements, trusted_key)
    return count, sorted(findings, key=lambda finding: finding.sequence)


def stored_statements() -> list[Statement]:
    return [
        Statement(one.sequence, one.hash, one.at.isoformat(timespec="microseconds"), one.key, one.signature)
        for one in Checkpoint.objects.order_by("sequence")
    ]


def _faults_of(event: Event, before: str, *, follows: bool) -> Iterator[Finding]:
    """After a gap nothing can be said of the hash before; the event's own still holds its content."""
    if link(event.previous, event) != event.hash:
        yield Finding(event.sequence, Fault.CHANGED)
    if follows and event.previous != before:
        yield Finding(event.sequence, Fault.OUT_OF_PLACE)


def _ending(last: int, before: str, claimed: dict[int, Statement]) -> Iterator[Finding]:
    """The head and the checkpoints know how far the chain once went."""
    head = ChainHead.objects.filter(pk=1).first() or ChainHead()
    if max([head.sequence, *claimed]) > last:
        yield Finding(last, Fault.CUT_OFF)
    elif (head.sequence, head.hash) != (last, before):
        yield Finding(last, Fault.REWRITTEN)


def _forged(statements: list[Statement], trusted_key: str | None) -> Iterator[Finding]:
    for one in statements:
        if not signature_holds(one) or (trusted_key is not None and one.key != trusted_key):
            yield Finding(one.sequence, Fault.FORGED_CHECKPOINT)
