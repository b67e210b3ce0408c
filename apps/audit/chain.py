"""The hash chain: what of an event is hashed, and how one event holds on to the one before.

An event's hash is SHA-256 over the hash before it and the event as canonical JSON: keys sorted, no space, UTF-8, no NaN
(after RFC 8785, whose rules for numbers need not be met, since only this code reads the hashes). Who changes, removes,
inserts or moves an event has to rewrite every hash after it, and so contradicts each signed checkpoint that is kept
elsewhere (Schneier and Kelsey, "Secure audit logs to support computer forensics", 1999).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apps.audit.models import Event

GENESIS = "0" * 64
HASHED = ("sequence", "action", "actor_id", "subject_id", "result", "address", "reference", "details")


def canonical(event: Event) -> bytes:
    """The event as the chain sees it.

    Raises:
        ValueError: ``details`` hold a number that is none.
    """
    values = {name: getattr(event, name) for name in HASHED}
    values["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def link(previous: str, event: Event) -> str:
    """The hash (64 hexadecimal digits) of ``event`` after one whose hash is ``previous``."""
    return hashlib.sha256(previous.encode() + canonical(event)).hexdigest()
