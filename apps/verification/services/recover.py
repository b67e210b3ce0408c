"""Work that nobody finished: taken up again, once; then given up with a denial."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps import dispatch
from apps.errors import ErrorCode
from apps.verification.models import Capture, CognitiveChallenge, Outcome
from apps.verification.services.answers import settle
from apps.verification.services.decide import VerdictData, record_decision, write_decision
from apps.verification.services.run import MOST_ATTEMPTS

WAITED = timedelta(seconds=20)
BATCH = 100


def take_up_lost_work() -> None:
    """Send again what a dead worker or a broker that was down has left behind."""
    now = timezone.now()
    queued = Capture.objects.filter(status=Capture.Status.QUEUED, created_at__lt=now - WAITED)
    lapsed = Capture.objects.filter(status=Capture.Status.RUNNING, lease_expires_at__lt=now)
    for capture in [*queued.order_by("pk")[:BATCH], *lapsed.order_by("pk")[:BATCH]]:
        if capture.attempts >= MOST_ATTEMPTS:
            verdict = VerdictData(outcome=Outcome.DENIED.value, reason=ErrorCode.INTERNAL.value)
            record_decision(capture=capture, verdict=verdict)
        else:
            dispatch.send_task(dispatch.RUN_CASCADE, str(capture.public_id))
    orphans = Capture.objects.filter(status=Capture.Status.AWAITING_ANSWER, challenge=None)
    for capture in orphans[:BATCH]:  # their question was replaced or deleted
        with transaction.atomic():
            write_decision(
                capture, VerdictData(outcome=Outcome.DENIED.value, reason=ErrorCode.ANSWER_WRONG.value), None
            )
    for challenge in CognitiveChallenge.objects.filter(correct=None, expires_at__lt=now)[:BATCH]:
        if challenge.answered_at is None:
            settle(challenge, correct=False, judged_by="deadline")
        else:
            dispatch.send_task(dispatch.JUDGE_ANSWER, challenge.pk)
