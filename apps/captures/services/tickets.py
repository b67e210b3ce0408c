"""The one-time nonce of a capture: asked for, carried along, used once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from apps.captures.models import CaptureTicket
from apps.errors import CosmicError, ErrorCode


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    nonce: str
    expires_at: datetime


def issue_ticket(*, purpose: str, bound_to: str) -> IssuedTicket:
    """A nonce for one capture, good for a short time and for whoever asked for it."""
    nonce = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=settings.ENV.capture_ticket_seconds)
    CaptureTicket.objects.create(nonce_digest=_digest(nonce), purpose=purpose, bound_to=bound_to, expires_at=expires_at)
    return IssuedTicket(nonce, expires_at)


def redeem_ticket(*, nonce: str, purpose: str, bound_to: str) -> CaptureTicket:
    """Use a nonce up. Call it inside the transaction that stores the capture.

    Raises:
        CosmicError: ``nonce_missing``, ``nonce_unknown`` (also somebody else's, or for another purpose),
            ``nonce_expired``, ``nonce_used``.
    """
    if not nonce:
        raise CosmicError(ErrorCode.NONCE_MISSING)
    ticket = CaptureTicket.objects.filter(nonce_digest=_digest(nonce), purpose=purpose, bound_to=bound_to).first()
    if ticket is None:
        raise CosmicError(ErrorCode.NONCE_UNKNOWN)
    now = timezone.now()
    if ticket.expires_at < now and ticket.used_at is None:
        raise CosmicError(ErrorCode.NONCE_EXPIRED)
    # Two requests may carry the same nonce at once: the database lets one of them win.
    if not CaptureTicket.objects.filter(pk=ticket.pk, used_at=None).update(used_at=now):
        raise CosmicError(ErrorCode.NONCE_USED, status=409)
    ticket.used_at = now
    return ticket


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()
