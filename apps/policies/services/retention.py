"""What is kept no longer than policy says: erased batch by batch, told in the audit trail, which itself stays."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event

Eraser = Callable[[], dict[str, int]]
BATCH = 1000


@transaction.atomic
def run_erasers(*erasers: Eraser) -> dict[str, int]:
    """Run each once, and write one event about all of them where anything was erased.

    Arguments:
        erasers: erase one batch of what is due, and say how much by kind.

    Returns:
        Counts by kind, without zeros.

    Raises:
        CosmicError: ``policy_unreadable``; then nothing is erased.
    """
    counts: dict[str, int] = {}
    for erase in erasers:
        counts |= {kind: count for kind, count in erase().items() if count}
    if counts:
        record_event(action="retention.erased", details=dict(sorted(counts.items())))
    return counts


def erase_sessions() -> dict[str, int]:
    """Browser sessions that have run out."""
    due = Session.objects.filter(expire_date__lt=timezone.now()).values_list("pk", flat=True)[:BATCH]
    return {"sessions": Session.objects.filter(pk__in=list(due)).delete()[0]}
