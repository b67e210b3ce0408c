"""Whether the chain is whole: every event that was changed, removed, inserted or moved is named."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.audit.chain import GENESIS, link
from apps.audit.models import ChainHead, Checkpoint, Event
from apps.audit.services.checkpoints import signature_holds

BATCH = 2000
MOST_INSERTED = 100  # in a row; more are out of place


class Fault(StrEnum):
    CHANGED = "changed"  # its content is not what was hashed
    REMOVED = "removed"  # its number is missing
    INSERTED = "inserted"  # those around it follow each other without it
    OUT_OF_PLACE = "out of place"  # it does not follow the event before it: moved, or more than can be told apart
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
    head = ChainHead.objects.filter(pk=1).first() or ChainHead()
    claimed = {one.sequence: one.hash for one in statements}
    count, walk = 0, Walk(claimed)
    events = Event.objects.order_by("sequence", "pk").iterator(chunk_size=BATCH)
    following = next(events, None)
    while (event := following) is not None:
        following = next(events, None)
        count += 1
        walk.take(event, held_on_to=head.hash if following is None else following.previous)
    walk.end(head, furthest=max([head.sequence, *claimed]))
    return count, sorted([*walk.findings, *_forged(statements, trusted_key)], key=lambda finding: finding.sequence)


def stored_statements() -> list[Statement]:
    return [
        Statement(one.sequence, one.hash, one.at.isoformat(timespec="microseconds"), one.key, one.signature)
        for one in Checkpoint.objects.order_by("sequence")
    ]


class Walk:
    """From event to event, and what was found on the way. ``number`` is the one under which the last event was hashed:
    that which it has now, less the inserted ones before it.

    Arguments:
        claimed: the hashes that checkpoints give, by number.
    """

    def __init__(self, claimed: dict[int, str]) -> None:
        self._claimed = claimed
        self.findings: list[Finding] = []
        self.number = 0
        # Of each late event its sequence, its hash, and how many findings there were when it had been taken.
        self._lately: deque[tuple[int, str, int]] = deque([(0, GENESIS, 0)], maxlen=MOST_INSERTED + 1)

    def take(self, event: Event, *, held_on_to: str) -> None:
        """``held_on_to`` is what comes after this event says that it follows."""
        before, hash_before, _ = self._lately[-1]
        missing = range(before + 1, event.sequence)
        self.findings += [Finding(sequence, Fault.REMOVED) for sequence in missing]
        self.number += len(missing) + 1
        # After a gap nothing can be said of the hash before; the event's own still holds its content.
        out_of_place = not missing and event.previous != hash_before
        if out_of_place and held_on_to == event.hash:
            out_of_place = not self._leave_out_inserted(event)
        if _hash_as(self.number, event) != event.hash:
            self.findings.append(Finding(event.sequence, Fault.CHANGED))
        if out_of_place:
            self.findings.append(Finding(event.sequence, Fault.OUT_OF_PLACE))
        if self._claimed.get(self.number, event.hash) != event.hash:
            self.findings.append(Finding(event.sequence, Fault.REWRITTEN))
        self._lately.append((event.sequence, event.hash, len(self.findings)))

    def end(self, head: ChainHead, *, furthest: int) -> None:
        """The head and the checkpoints know how far the chain once went. What lies beyond a head that is an event of the
        chain was not written by us, or the head was set back."""
        last, hash_, _ = self._lately[-1]
        beyond = self._after(head.hash)
        if furthest > self.number:
            self.findings.append(Finding(last, Fault.CUT_OFF))
        elif beyond and head.sequence == furthest == self.number - len(beyond):
            self._name_inserted(beyond)
        elif (head.sequence, head.hash) != (self.number, hash_):
            self.findings.append(Finding(last, Fault.REWRITTEN))

    def _leave_out_inserted(self, event: Event) -> bool:
        """Whether the events before this one were inserted: it follows one further back, under the number that it had."""
        inserted = self._after(event.previous)
        if not inserted or _hash_as(self.number - len(inserted), event) != event.hash:
            return False
        self._name_inserted(inserted)
        return True

    def _name_inserted(self, inserted: list[int]) -> None:
        """Nothing else that was found of them is of interest."""
        for _ in inserted:
            self._lately.pop()
        del self.findings[self._lately[-1][2] :]
        self.findings += [Finding(sequence, Fault.INSERTED) for sequence in inserted]
        self.number -= len(inserted)

    def _after(self, wanted: str) -> list[int]:
        """The late events that come after the one with this hash; empty where none has it, or the last."""
        sequences: list[int] = []
        for sequence, hash_, _ in reversed(self._lately):
            if hash_ == wanted:
                return sequences[::-1]
            sequences.append(sequence)
        return []


def _hash_as(number: int, event: Event) -> str:
    """The hash that the event would have under this number."""
    now, event.sequence = event.sequence, number
    try:
        return link(event.previous, event)
    finally:
        event.sequence = now


def _forged(statements: list[Statement], trusted_key: str | None) -> Iterator[Finding]:
    for one in statements:
        if not signature_holds(one) or (trusted_key is not None and one.key != trusted_key):
            yield Finding(one.sequence, Fault.FORGED_CHECKPOINT)
