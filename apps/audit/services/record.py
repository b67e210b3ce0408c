"""The one way an event is written. Call it inside the transaction of what it tells of, and last in it: from here to
the end of the transaction nobody else appends."""

from __future__ import annotations

from django.db import transaction

from apps.audit.chain import link
from apps.audit.models import ChainHead, Event
from apps.audit.origin import current_address, plain

COMMAND_LINE = "command_line"  # the actor of what a ``manage.py`` command does


@transaction.atomic
def record_event(
    *,
    action: str,
    actor_id: object = "",
    subject_id: object = "",
    result: str = "",
    address: str | None = None,
    reference: object = "",
    details: dict[str, object] | None = None,
) -> Event:
    """Append an audit event. ``details`` carry ids, codes and scores, never biometrics or names.

    Arguments:
        address: from where, where the caller knows it better: a worker that decides what was sent from somewhere. By
            default the address of the request that is being served; none in a worker or a command.

    Raises:
        ValueError: ``details`` hold a number that is none, or ``address`` is no address.
    """
    origin = address or current_address()
    head = _locked_head()
    event = Event(
        sequence=head.sequence + 1,
        action=action,
        actor_id=str(actor_id or ""),
        subject_id=str(subject_id or ""),
        result=result,
        address=plain(origin) if origin else None,
        reference=str(reference or ""),
        details=details or {},
        previous=head.hash,
    )
    event.hash = link(event.previous, event)
    event.save(force_insert=True)
    ChainHead.objects.filter(pk=head.pk).update(sequence=event.sequence, hash=event.hash)
    return event


def _locked_head() -> ChainHead:
    """PostgreSQL locks the row; SQLite has one writer at a time, who holds the file from BEGIN on. A head that was taken
    away begins again at the first event, whose number is taken: then nothing is appended at all."""
    return ChainHead.objects.select_for_update().get_or_create(pk=1)[0]
