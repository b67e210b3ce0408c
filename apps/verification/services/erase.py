"""What is deleted when its time is over: captures' content, whole attempts, used and expired nonces."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.captures.models import CaptureTicket
from apps.identities import blobs
from apps.policies.selectors import current_policy
from apps.verification.models import Capture

BATCH = 200
NONCES_KEPT = timedelta(hours=1)


@transaction.atomic
def erase_expired() -> dict[str, int]:
    """Erase one batch of each kind that is beyond its retention, and nonces that no capture points to.

    Returns:
        Counts by kind: ``capture_contents`` and ``attempts``. Nonces tell nothing about anybody and are not counted.

    Raises:
        CosmicError: ``policy_unreadable``; then nothing is erased.
    """
    now, policy = timezone.now(), current_policy()
    counts = {
        "capture_contents": _erase_contents(now - timedelta(days=policy.capture_retention_days)),
        "attempts": _erase_attempts(now - timedelta(days=policy.attempt_retention_days)),
    }
    CaptureTicket.objects.filter(expires_at__lt=now - NONCES_KEPT, capture=None).delete()
    return counts


def _erase_contents(before: datetime) -> int:
    due = list(Capture.objects.filter(finished_at__lt=before).exclude(blob="")[:BATCH])
    blobs.erase_all([capture.blob for capture in due])
    return Capture.objects.filter(pk__in=[capture.pk for capture in due]).update(blob="")


def _erase_attempts(before: datetime) -> int:
    """The capture with its stages, decision, grant, question and label. What waits to be decided has not finished, and
    stays."""
    # The first condition follows from the second, and has an index.
    finished = Capture.objects.filter(created_at__lt=before, finished_at__lt=before)
    due = list(finished.order_by("created_at")[:BATCH])
    blobs.erase_all([capture.blob for capture in due if capture.blob])
    Capture.objects.filter(pk__in=[capture.pk for capture in due]).delete()
    return len(due)
