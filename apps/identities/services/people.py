"""People and their accounts."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from apps.access.selectors import may_manage
from apps.access.services.tokens import revoke_all
from apps.audit.services.record import COMMAND_LINE, record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Person
from apps.identities.services.templates import touch_gallery
from apps.identities.signals import erasing, forgetting


def create_person(*, username: str, actor_id: object) -> Person:
    """A person with an account that has no password: it opens by biometrics, or not at all.

    Raises:
        CosmicError: ``invalid_request`` for a name that cannot be one, ``already_enrolled`` for one that is taken.
    """
    username = username.strip()
    _check_name(username)
    try:
        with transaction.atomic():
            user = get_user_model()(username=username)
            user.set_unusable_password()
            user.save()
            person = Person.objects.create(user=user)
            record_event(action="person.created", actor_id=actor_id, subject_id=person.public_id)
    except IntegrityError as error:
        raise CosmicError(ErrorCode.ALREADY_ENROLLED, status=409) from error
    return person


def person_by_name(*, username: str, actor: User | None) -> Person:
    """The person of this name, made when new. ``actor`` is None for the command line.

    Raises:
        CosmicError: ``not_allowed`` (403) where the actor may not act upon the account, since a face that is enrolled for
            it opens it; those of ``create_person``: an account without a person enrols on its own page.
    """
    person = Person.objects.select_related("user").filter(user__username=username.strip()).first()
    if person is None:
        return create_person(username=username, actor_id=COMMAND_LINE if actor is None else actor.pk)
    if actor is not None and not may_manage(actor, person.user):
        raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)
    return person


def person_of(user) -> Person:
    """The person of an account, made on first use; operators are people too when they enrol."""
    person, _ = Person.objects.get_or_create(user=user)
    return person


@transaction.atomic
def set_status(*, person: Person, status: str, actor_id: object) -> None:
    """Change whether a person may log in; the gallery follows at once. Suspension closes the account, so that password
    and sessions end with it, and takes its tokens back. What it did not close, nothing here opens again."""
    users = get_user_model().objects
    if status == Person.Status.SUSPENDED and person.status != status:
        person.suspension_closed = bool(users.filter(pk=person.user_id, is_active=True).update(is_active=False))
        revoke_all(account=person.user, actor_id=actor_id)
    elif status != Person.Status.SUSPENDED and person.suspension_closed:
        users.filter(pk=person.user_id).update(is_active=True)
        person.suspension_closed = False
    person.status = status
    person.save(update_fields=["status", "suspension_closed"])
    touch_gallery()
    record_event(action="person.status", actor_id=actor_id, subject_id=person.public_id, result=status)


def erase_person(*, person: Person, actor_id: object) -> None:
    """Delete a person with everything biometric; the audit trail keeps the bare id."""
    with transaction.atomic():
        names = list(person.samples.values_list("blob", flat=True))
        forgetting.send(Person, person=person)
        erasing.send(Person, person=person)
        public_id = person.public_id
        person.user.delete()
        touch_gallery()
        record_event(action="person.erased", actor_id=actor_id, subject_id=public_id)
        transaction.on_commit(lambda: blobs.erase_all(names))


def _check_name(username: str) -> None:
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"username": list(error.messages)}) from error
    if len(username) > 150:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"username": ["At most 150 characters."]})
