"""What is deleted when its time is over: old captures' content, used and expired nonces."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.captures.models import CaptureTicket
from apps.identities import blobs
from apps.verification.models import Capture

BATCH = 500


def erase_expired() -> None:
    """Erase captures beyond their retention, and nonces that no capture points to."""
    now = timezone.now()
    limit = now - timedelta(days=settings.ENV.capture_retention_days)
    for capture in Capture.objects.filter(finished_at__lt=limit).exclude(blob="")[:BATCH]:
        blobs.erase(capture.blob)
        Capture.objects.filter(pk=capture.pk).update(blob="")
    CaptureTicket.objects.filter(expires_at__lt=now - timedelta(hours=1), capture=None).delete()
