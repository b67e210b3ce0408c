"""Traces of earlier captures as they lie in the database: sealed, bound to their person."""

from __future__ import annotations

import logging

from apps.identities.models import CaptureTrace
from apps.identities.vault import Unsealable, seal, unseal

log = logging.getLogger(__name__)

PURPOSE = "traces"


def seal_trace(content: bytes, *, person_id: int) -> bytes:
    return seal(content, purpose=PURPOSE, bound_to=place_of(person_id))


def open_traces(person_id: int) -> list[bytes]:
    """All that are kept of a person and can be opened, the newest first. One that was changed, or belongs to somebody
    else, is passed over: it must not shut a person out for good."""
    found = []
    for pk, sealed in CaptureTrace.objects.filter(person_id=person_id).values_list("pk", "sealed"):
        try:
            found.append(unseal(sealed, purpose=PURPOSE, bound_to=place_of(person_id)))
        except Unsealable as error:
            log.warning("trace %s was passed over: %s", pk, error)
    return found


def place_of(person_id: int) -> str:
    """What a person's traces are bound to."""
    return f"person:{person_id}"
