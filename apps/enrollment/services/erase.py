"""What is deleted of enrolment when its time is over: jobs that ended, and invitations that nobody can use any more."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.identities import blobs
from apps.policies.selectors import current_policy
from apps.policies.services.retention import in_batches, run_all

BATCH = 200
ENDED = (EnrolmentJob.Status.DONE, EnrolmentJob.Status.REFUSED, EnrolmentJob.Status.FAILED)


def erase_expired() -> None:
    """Erase what is beyond its retention. The audit trail counts ``enrolment_jobs``, with the duplicates that were decided
    on them, and ``invitations``.

    Raises:
        CosmicError: ``policy_unreadable``; then no job is erased.
    """
    run_all(
        partial(in_batches, "enrolment_jobs", _erase_jobs, BATCH),
        partial(in_batches, "invitations", _erase_invitations, BATCH),
    )


def _erase_jobs(most: int) -> int:
    """Those in review wait for an operator, however long that takes. Files go once the rows are committed."""
    before = timezone.now() - timedelta(days=current_policy().enrolment_job_retention_days)
    undecided = DuplicateCase.objects.filter(status=DuplicateCase.Status.OPEN).values("job")
    ended = EnrolmentJob.objects.filter(status__in=ENDED, finished_at__lt=before).exclude(pk__in=undecided)
    due = list(ended.order_by("pk")[:most])
    transaction.on_commit(partial(run_all, *(partial(blobs.erase, job.blob) for job in due)))
    _, by_model = EnrolmentJob.objects.filter(pk__in=[job.pk for job in due]).delete()
    return by_model.get(EnrolmentJob._meta.label, 0)


def _erase_invitations(most: int) -> int:
    """Not while samples that came by one wait to be judged: they count only as long as nothing has ended it."""
    waiting = EnrolmentJob.objects.exclude(status__in=ENDED).exclude(invitation=None).values("invitation")
    expired = Invitation.objects.filter(expires_at__lt=timezone.now()).exclude(pk__in=waiting)
    due = list(expired.order_by("pk").values_list("pk", flat=True)[:most])
    _, by_model = Invitation.objects.filter(pk__in=due).delete()
    return by_model.get(Invitation._meta.label, 0)
