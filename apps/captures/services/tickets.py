"""The one-time nonce of a capture, with the challenge that goes with it: asked for, carried along, used once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from apps.captures.challenges import Challenge, draw_challenge
from apps.captures.limits import note_challenge
from apps.captures.models import CaptureTicket
from apps.errors import CosmicError, ErrorCode
from apps.policies.selectors import current_policy


@dataclass(frozen=True, slots=True)
class IssuedTicket:
    nonce: str
    expires_at: datetime
    challenge: Challenge


def issue_ticket(
    *, purpose: str, bound_to: str, origin: str = "", voice: bool = False, cannot: Collection[str] = ()
) -> IssuedTicket:
    """A nonce for one capture, good for a short time and for whoever asked for it, and what to do in front of the camera.

    Arguments:
        origin, voice, cannot: see ``draw_challenge``. The challenge counts among those that stand open at ``origin``.

    Raises:
        CosmicError: ``challenge_impossible`` (409), ``policy_unreadable`` (503); ``rate_limited`` (429) where too many
            stand open.
    """
    challenge = draw_challenge(purpose=purpose, origin=origin or bound_to, voice=voice, cannot=cannot)
    if origin and challenge.steps:
        note_challenge(origin)
    nonce = secrets.token_urlsafe(24)
    expires_at = timezone.now() + timedelta(seconds=_life(challenge))
    CaptureTicket.objects.create(
        nonce_digest=_digest(nonce),
        purpose=purpose,
        bound_to=bound_to,
        expires_at=expires_at,
        challenge=list(challenge.steps),
    )
    return IssuedTicket(nonce, expires_at, challenge)


def redeem_ticket(*, nonce: str, purpose: str, bound_to: str) -> CaptureTicket:
    """Use a nonce up. Call it inside the transaction that stores the capture.

    Raises:
        CosmicError: ``nonce_missing``, ``nonce_unknown`` (also somebody else's, or for another purpose),
            ``nonce_expired``, ``nonce_used``, ``challenge_too_early`` when it comes before its challenge was over: then
            it was recorded, or made, before anybody knew what would be asked.
    """
    if not nonce:
        raise CosmicError(ErrorCode.NONCE_MISSING)
    ticket = CaptureTicket.objects.filter(nonce_digest=_digest(nonce), purpose=purpose, bound_to=bound_to).first()
    if ticket is None:
        raise CosmicError(ErrorCode.NONCE_UNKNOWN)
    now = timezone.now()
    if ticket.expires_at < now and ticket.used_at is None:
        raise CosmicError(ErrorCode.NONCE_EXPIRED)
    if ticket.challenge and (now - ticket.created_at).total_seconds() < ticket.challenge[-1]["ends"]:
        raise CosmicError(ErrorCode.CHALLENGE_TOO_EARLY)
    # Two requests may carry the same nonce at once: the database lets one of them win.
    if not CaptureTicket.objects.filter(pk=ticket.pk, used_at=None).update(used_at=now):
        raise CosmicError(ErrorCode.NONCE_USED, status=409)
    ticket.used_at = now
    return ticket


def _life(challenge: Challenge) -> float:
    """A challenge is to be played at once: who takes long has time to make up an answer."""
    if challenge.steps:
        return challenge.seconds + current_policy().challenge_deadline_seconds
    return settings.ENV.capture_ticket_seconds


def _digest(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()
