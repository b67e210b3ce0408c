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
CLOSED = "This account is suspended or closed: a link would not open."


@transaction.atomic
def invite_by_name(*, username: str, actor: User | None) -> tuple[Invitation, str]:
    """A link for whoever has this name: a person who is made now, or one who is there already and enrols once more.
    ``actor`` is None for the command line.

    Raises:
        CosmicError: those of ``person_by_name`` and ``invite``.
    """
    person = person_by_name(username=username, actor=actor)
    return invite(person=person, actor_id=COMMAND_LINE if actor is None else actor.pk)


@transaction.atomic
def invite(*, person: Person, actor_id: object) -> tuple[Invitation, str]:
    """A new link for a person, whose older ones end; returns it with its address, which cannot be shown again.

    Raises:
        CosmicError: ``invalid_request`` for an account that is closed.
    """
    person = Person.objects.select_for_update(of=("self",)).select_related("user").get(pk=person.pk)  # one at a time
    if person.status == Person.Status.SUSPENDED or not person.user.is_active:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"username": [CLOSED]})
    token = secrets.token_urlsafe(32)
    end_open(person.invitations.all())
    invitation = Invitation.objects.create(
        person=person, token_digest=_digest(token), created_by=str(actor_id), expires_at=timezone.now() + LIFE
    )
    record_event(action="invitation.made", actor_id=actor_id, subject_id=person.public_id, reference=invitation.pk)
    return invitation, settings.PUBLIC_URL.rstrip("/") + reverse("enrol_invited", args=[token])


def open_invitation(token: str) -> Invitation:
    """The invitation behind a link. It stays good until an enrolment has succeeded, so that a failed one can be redone.

    Raises:
        CosmicError: ``invitation_invalid`` (404) when it is unknown, used, replaced or out of date.
    """
    found = _opening().select_related("person__user").filter(token_digest=_digest(token)).first()
    if found is None:
        raise CosmicError(ErrorCode.INVITATION_INVALID, status=404)
    return found


def still_opens(invitation: Invitation) -> bool:
    """Whether nothing has ended it since it was read. Ask under the person's lock."""
    return _opening().filter(pk=invitation.pk).exists()


def use_up(invitation: Invitation) -> bool:
    """An enrolment by it has come to its end. False where it was used or ended meanwhile: then the enrolment does not
    count. That it has run out since the samples were sent is no fault of theirs. Call under the person's lock."""
    still = Invitation.objects.filter(pk=invitation.pk, used_at=None, ended_at=None)
    return bool(still.update(used_at=timezone.now()))


def end_open(invitations: QuerySet[Invitation]) -> None:
    """Those that have not been used open nothing any more, and what was sent by them and not judged yet does not count."""
    invitations.filter(used_at=None, ended_at=None).update(ended_at=timezone.now())


def _opening() -> QuerySet[Invitation]:
    good = Invitation.objects.filter(used_at=None, ended_at=None, expires_at__gte=timezone.now())
    return good.filter(person__user__is_active=True).exclude(person__status=Person.Status.SUSPENDED)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
