"""What is deleted of enrolment when its time is over: jobs that ended, and invitations that nobody can use any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.identities import blobs
from apps.policies.selectors import current_policy

BATCH = 200
ENDED = (EnrolmentJob.Status.DONE, EnrolmentJob.Status.REFUSED, EnrolmentJob.Status.FAILED)


@transaction.atomic
def erase_expired() -> dict[str, int]:
    """Erase one batch of each kind that is beyond its retention.

    Returns:
        Counts by kind: ``enrolment_jobs``, with the duplicates that were decided on them, and ``invitations``.

    Raises:
        CosmicError: ``policy_unreadable``; then nothing is erased.
    """
    now = timezone.now()
    limit = now - timedelta(days=current_policy().enrolment_job_retention_days)
    return {"enrolment_jobs": _erase_jobs(limit), "invitations": _erase_invitations(now)}


def _erase_jobs(before: datetime) -> int:
    """Those in review wait for an operator, however long that takes."""
    undecided = DuplicateCase.objects.filter(status=DuplicateCase.Status.OPEN).values("job")
    ended = EnrolmentJob.objects.filter(status__in=ENDED, finished_at__lt=before).exclude(pk__in=undecided)
    due = list(ended.order_by("pk")[:BATCH])
    blobs.erase_all([job.blob for job in due if job.blob])
    EnrolmentJob.objects.filter(pk__in=[job.pk for job in due]).delete()
    return len(due)


def _erase_invitations(now: datetime) -> int:
    due = list(Invitation.objects.filter(expires_at__lt=now).order_by("pk").values_list("pk", flat=True)[:BATCH])
    Invitation.objects.filter(pk__in=due).delete()
    return len(due)
