"""Enrolment jobs that nobody finished: sent again, once; then given up."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from apps import dispatch
from apps.enrollment.models import EnrolmentJob
from apps.enrollment.services.work_off import MOST_ATTEMPTS, finish
from apps.errors import ErrorCode

WAITED = timedelta(minutes=2)
BATCH = 100


def take_up_lost_work() -> None:
    now = timezone.now()
    queued = EnrolmentJob.objects.filter(status=EnrolmentJob.Status.QUEUED, created_at__lt=now - WAITED)
    lapsed = EnrolmentJob.objects.filter(status=EnrolmentJob.Status.RUNNING, lease_expires_at__lt=now)
    for job in [*queued.order_by("pk")[:BATCH], *lapsed.order_by("pk")[:BATCH]]:
        if job.attempts >= MOST_ATTEMPTS:
            finish(job, EnrolmentJob.Status.FAILED, error_code=ErrorCode.INTERNAL)
        else:
            dispatch.send_task(dispatch.RUN_ENROLMENT, str(job.public_id))
