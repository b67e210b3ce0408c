"""What is kept no longer than policy says: erased batch by batch, told in the audit trail, which itself stays."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event

MOST_BATCHES = 50  # of one kind in one run, so that a task stays short; the next run goes on
SESSIONS = 1000  # a batch

log = logging.getLogger(__name__)


def run_all(*erasers: Callable[[], object]) -> None:
    """Run each, also after one that failed.

    Raises:
        Exception: what the first that failed has raised, once all have run. Each failure is logged.
    """
    failures: list[Exception] = []
    for erase in erasers:
        try:
            erase()
        except Exception as error:
            log.exception("something is kept beyond its retention")
            failures.append(error)
    if failures:
        raise failures[0]


def in_batches(kind: str, erase: Callable[[int], int], batch: int, *, told: bool = True) -> int:
    """Erase until a batch is short, at most ``MOST_BATCHES`` of them, each in a transaction of its own with an event.

    Arguments:
        kind: what is erased, as the audit trail counts it.
        erase: erases as many as it is given at most, and says how many they were.
        told: whether the audit trail counts them at all.

    Returns:
        How many are gone.
    """
    gone = 0
    for _ in range(MOST_BATCHES):
        with transaction.atomic():
            count = erase(batch)
            if count and told:
                record_event(action="retention.erased", details={kind: count})
        gone += count
        if count < batch:
            break
    return gone


def erase_sessions() -> None:
    """Browser sessions that have run out."""
    in_batches("sessions", _erase_sessions, SESSIONS)


def _erase_sessions(most: int) -> int:
    due = Session.objects.filter(expire_date__lt=timezone.now()).values_list("pk", flat=True)[:most]
    return Session.objects.filter(pk__in=list(due)).delete()[0]
