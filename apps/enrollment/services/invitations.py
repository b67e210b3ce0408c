"""One-time links that let one named person enrol."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.enrollment.models import Invitation
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person

LIFE = timedelta(days=3)


@transaction.atomic
def invite(*, person: Person, actor_id: object) -> tuple[Invitation, str]:
    """A new link for a person, who loses older ones; returns it with its address, which cannot be shown again."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    person.invitations.filter(used_at=None).update(used_at=now)
    invitation = Invitation.objects.create(
        person=person, token_digest=_digest(token), created_by=str(actor_id), expires_at=now + LIFE
    )
    record_event(action="invitation.made", actor_id=actor_id, subject_id=person.public_id, reference=invitation.pk)
    return invitation, settings.PUBLIC_URL.rstrip("/") + reverse("enrol_invited", args=[token])


def open_invitation(token: str) -> Invitation:
    """The invitation behind a link. It stays good until an enrolment has succeeded, so that a failed one can be redone.

    Raises:
        CosmicError: ``invitation_invalid`` (404) when it is unknown, used or out of date.
    """
    invitation = (
        Invitation.objects.select_related("person__user")
        .filter(token_digest=_digest(token), used_at=None, expires_at__gte=timezone.now(), person__user__is_active=True)
        .exclude(person__status=Person.Status.SUSPENDED)
        .first()
    )
    if invitation is None:
        raise CosmicError(ErrorCode.INVITATION_INVALID, status=404)
    return invitation


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def use_up_open(account) -> None:
    """End every open invitation into an account: who holds one could enrol their own face for it."""
    Invitation.objects.filter(person__user=account, used_at=None).update(used_at=timezone.now())
