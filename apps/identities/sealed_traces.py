"""Traces of earlier captures as they lie in the database: sealed, bound to their person."""

from __future__ import annotations

from apps.identities.models import CaptureTrace
from apps.identities.vault import seal, unseal

PURPOSE = "traces"


def seal_trace(content: bytes, *, person_id: int) -> bytes:
    return seal(content, purpose=PURPOSE, bound_to=_place(person_id))


def open_traces(person_id: int) -> list[bytes]:
    """All that are kept of a person, the newest first.

    Raises:
        apps.identities.vault.Unsealable: one was changed, or belongs to somebody else.
    """
    sealed = CaptureTrace.objects.filter(person_id=person_id).values_list("sealed", flat=True)
    return [unseal(one, purpose=PURPOSE, bound_to=_place(person_id)) for one in sealed]


def _place(person_id: int) -> str:
    return f"person:{person_id}"
