"""One-time links that let one named person enrol."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from apps.audit.services.record import COMMAND_LINE, record_event
from apps.enrollment.models import Invitation
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.people import person_by_name

LIFE = timedelta(days=3)
SUSPENDED = "This person is suspended: a link would not open."


@transaction.atomic
def invite_by_name(*, username: str, actor: User | None) -> tuple[Invitation, str]:
    """A link for whoever has this name: a person who is made now, or one who is there already and enrols once more.
    ``actor`` is None for the command line.

    Raises:
        CosmicError: those of ``person_by_name``; ``invalid_request`` for somebody suspended, whose link would not open.
    """
    person = person_by_name(username=username, actor=actor)
    if person.status == Person.Status.SUSPENDED:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"username": [SUSPENDED]})
    return invite(person=person, actor_id=COMMAND_LINE if actor is None else actor.pk)


@transaction.atomic
def invite(*, person: Person, actor_id: object) -> tuple[Invitation, str]:
    """A new link for a person, whose older ones end; returns it with its address, which cannot be shown again."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    _end(person.invitations.all())
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
        .filter(token_digest=_digest(token), used_at=None, expires_at__gt=timezone.now(), person__user__is_active=True)
        .exclude(person__status=Person.Status.SUSPENDED)
        .first()
    )
    if invitation is None:
        raise CosmicError(ErrorCode.INVITATION_INVALID, status=404)
    return invitation


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def use_up(person: Person) -> None:
    """An enrolment came to its end: the link that let the person in is good no more."""
    now = timezone.now()
    person.invitations.filter(used_at=None, expires_at__gt=now).update(used_at=now)


def end_open(account: User) -> None:
    """End every open invitation into an account: who holds one could enrol their own face for it."""
    _end(Invitation.objects.filter(person__user=account))


def _end(invitations: QuerySet[Invitation]) -> None:
    """They run out now. Only an enrolment uses one up."""
    invitations.filter(used_at=None, expires_at__gt=(now := timezone.now())).update(expires_at=now)
