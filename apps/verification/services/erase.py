"""What is deleted when its time is over: captures' content, whole attempts, used and expired nonces.

Files go once their rows are committed: a row that stays keeps its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from apps.captures.models import CaptureTicket
from apps.identities import blobs
from apps.policies.selectors import current_policy
from apps.policies.services.retention import in_batches, run_all
from apps.verification.models import Capture

BATCH = 200
NONCES = 1000  # a batch; they tell nothing about anybody and are not counted
NONCES_KEPT = timedelta(hours=1)


def erase_expired() -> None:
    """Erase what is beyond its retention, and nonces that no capture points to. The audit trail counts
    ``capture_contents`` and ``attempts``.

    Raises:
        CosmicError: ``policy_unreadable``; then nothing that policy speaks of is erased.
    """
    run_all(
        partial(in_batches, "capture_contents", _erase_contents, BATCH),
        partial(in_batches, "attempts", _erase_attempts, BATCH),
        partial(in_batches, "nonces", _erase_nonces, NONCES, told=False),
    )


def _erase_contents(most: int) -> int:
    before = _days_ago(current_policy().capture_retention_days)
    due = list(Capture.objects.filter(finished_at__lt=before).exclude(blob="")[:most])
    _unlink_on_commit(capture.blob for capture in due)
    return Capture.objects.filter(pk__in=[capture.pk for capture in due]).update(blob="")


def _erase_attempts(most: int) -> int:
    """The capture with its stages, decision, grant, question and label. What waits to be decided has not finished, and
    stays."""
    before = _days_ago(current_policy().attempt_retention_days)
    # The first condition follows from the second, and has an index.
    finished = Capture.objects.filter(created_at__lt=before, finished_at__lt=before)
    due = list(finished.order_by("created_at")[:most])
    _unlink_on_commit(capture.blob for capture in due)
    _, by_model = Capture.objects.filter(pk__in=[capture.pk for capture in due]).delete()
    return by_model.get(Capture._meta.label, 0)


def _erase_nonces(most: int) -> int:
    spent = CaptureTicket.objects.filter(expires_at__lt=timezone.now() - NONCES_KEPT, capture=None)
    due = list(spent.order_by("pk").values_list("pk", flat=True)[:most])
    return CaptureTicket.objects.filter(pk__in=due).delete()[0]


def _days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)


def _unlink_on_commit(names: Iterable[str]) -> None:
    """A file that cannot be unlinked keeps none of the others."""
    transaction.on_commit(partial(run_all, *(partial(blobs.erase, name) for name in names)))
