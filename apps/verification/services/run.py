"""The lease of a capture: one worker at a time, two attempts at most."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from apps.verification.models import Capture

LEASE = timedelta(seconds=30)
MOST_ATTEMPTS = 2


def claim_capture(public_id: str) -> Capture | None:
    """Take the capture for this worker; None when it is decided, gone, being worked on, or was tried often enough."""
    now = timezone.now()
    free = Q(status=Capture.Status.QUEUED) | Q(status=Capture.Status.RUNNING, lease_expires_at__lt=now)
    taken = Capture.objects.filter(free, public_id=public_id, attempts__lt=MOST_ATTEMPTS).update(
        status=Capture.Status.RUNNING, lease_expires_at=now + LEASE, attempts=F("attempts") + 1
    )
    return Capture.objects.select_related("claimed", "ticket").get(public_id=public_id) if taken else None
