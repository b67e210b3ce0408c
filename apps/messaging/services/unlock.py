"""Opening a message: a capture, its grant, and what may be read while the reader is seen."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.captures import limits
from apps.captures.bundle import Bundle
from apps.captures.models import Purpose
from apps.captures.services.tickets import IssuedTicket, issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.second_factor import code_holds, has_code
from apps.identities.vault import Unsealable
from apps.messaging import unlocks
from apps.messaging.envelope import open_under, text_place
from apps.messaging.mailboxes import Folder, alias_of, mailbox_of
from apps.messaging.models import Attachment, Copy
from apps.messaging.selectors import copy_of, key_of, may_read, people_of
from apps.messaging.services.attach import AttachmentAbout, about
from apps.messaging.services.notify import tell_mailboxes
from apps.verification.models import Capture
from apps.verification.services.grants import use_grant
from apps.verification.services.submit import submit_capture
from apps.workers import worker_needed


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, and from where: ``binding`` names the browser session or the API account."""

    person: Person
    binding: str
    address: str | None


@dataclass(frozen=True, slots=True)
class Content:
    text: str
    attachments: tuple[AttachmentAbout, ...]


def ask(*, reader: Reader, message_id: uuid.UUID | str, origin: str, voice: bool, cannot: list[str]) -> IssuedTicket:
    """The nonce and the challenge of a capture that is to open this message. Nobody is asked to do anything in front of
    the camera that no worker is there to look at.

    Raises:
        CosmicError: ``not_found``, ``message_gone`` (410), ``not_enrolled`` (403), ``worker_unavailable`` (503), and those
            of ``issue_ticket``.
    """
    _openable(reader, message_id)
    worker_needed()
    return issue_ticket(
        purpose=Purpose.UNLOCK,
        bound_to=unlocks.unlock_binding(reader.binding, message_id),
        origin=origin,
        voice=voice,
        cannot=cannot,
    )


def submit(*, reader: Reader, message_id: uuid.UUID | str, bundle: Bundle, nonce: str) -> Capture:
    """Take the capture in; it claims to be the reader.

    Raises:
        CosmicError: as ``ask`` and ``submit_capture``; ``too_many_failed_attempts`` (429).
    """
    _openable(reader, message_id)
    name = reader.person.user.get_username()
    key = limits.account_key(name)
    limits.check_account(key)
    return submit_capture(
        bundle=bundle,
        nonce=nonce,
        purpose=Purpose.UNLOCK,
        bound_to=unlocks.unlock_binding(reader.binding, message_id),
        claimed_name=name,
        account_key=key,
        address=reader.address or "",
        actor_id=reader.person.user_id,
    )


def unlock(*, reader: Reader, message_id: uuid.UUID | str, capture_id: str, code: str = "") -> Content:
    """Use the grant of a capture, once, and begin the 30 s.

    What is to be viewed once loses its wrapped key here, in the statement that asks whether it is still there. A text
    that does not open leaves the message and the grant as they were.

    Raises:
        CosmicError: ``not_found`` for a message or a grant that is not this reader's, in this session, for this message;
            ``second_factor_missing`` (403) when the decision asks for one and ``code`` is none; ``message_gone`` (410);
            ``message_damaged`` (409); ``broker_unavailable`` (503).
    """
    person = reader.person
    binding = unlocks.unlock_binding(reader.binding, message_id)
    handle = unlocks.handle_of(binding=reader.binding, message_id=message_id, person=person)
    begun = False
    try:
        with transaction.atomic():
            grant = use_grant(
                capture_id=capture_id, bound_to=binding, address=reader.address or "", purpose=Purpose.UNLOCK
            )
            if grant.person != person:
                raise CosmicError(ErrorCode.NOT_FOUND, status=404)
            if grant.needs_second_factor:
                _require_code(person, code)
            copy = _openable(reader, message_id)
            key = key_of(copy, person)
            content = _content(copy, key)
            _mark_opened(copy, person)
            begun = True
            unlocks.begin(handle, key)
            record_event(
                action="message.unlocked",
                actor_id=person.user_id,
                subject_id=person.public_id,
                address=reader.address,
                reference=capture_id,
                details={"message": alias_of(person, message_id)},
            )
    except Exception:
        if begun:  # what is rolled back must not stay open; what somebody has open from before stays
            unlocks.end(handle)
        raise
    return content


def read(*, reader: Reader, message_id: uuid.UUID | str) -> Content:
    """The content again, while the unlock lives and the face is seen.

    Raises:
        CosmicError: ``not_found``, ``message_locked`` or ``face_lost`` (403), ``message_gone`` (410, revoked),
            ``not_enrolled`` (403) for somebody who may not read any more.
    """
    copy, key = _unlocked(reader, message_id)
    return _content(copy, key)


def attachment(*, reader: Reader, message_id: uuid.UUID | str, attachment_id: int) -> tuple[Attachment, bytes]:
    """A file of an unlocked message, and the key that opens it.

    Raises:
        CosmicError: as ``read``.
    """
    copy, key = _unlocked(reader, message_id)
    found = copy.message.attachments.filter(pk=attachment_id).first()
    if found is None:
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    return found, key


def lock(*, reader: Reader, message_id: uuid.UUID | str) -> None:
    """End the unlock; silent when there is none."""
    unlocks.end(unlocks.handle_of(binding=reader.binding, message_id=message_id, person=reader.person))


def _openable(reader: Reader, message_id: uuid.UUID | str) -> Copy:
    person = reader.person
    copy = copy_of(person=person, message_id=message_id)
    if not copy.wrapped_key:
        raise CosmicError(ErrorCode.MESSAGE_GONE, status=410)
    if not may_read(person):
        raise CosmicError(ErrorCode.NOT_ENROLLED, status=403)
    return copy


def still_readable(copy: Copy, person: Person) -> bool:
    """Whether what is unlocked may stay so. What is viewed once has lost its wrapped key by being opened."""
    viewed = copy.message.view_once and copy.mailbox == mailbox_of(person, Folder.INBOX)
    return bool(copy.wrapped_key) or (viewed and copy.message.revoked_at is None)


def _require_code(person: Person, code: str) -> None:
    key = limits.account_key(person.user.get_username())
    limits.check_account(key)
    if not has_code(person.user):
        raise CosmicError(ErrorCode.SECOND_FACTOR_MISSING, status=403)
    if not code_holds(person.user, code):
        if code:
            limits.note_failure(key)
        raise CosmicError(ErrorCode.SECOND_FACTOR_WANTED, status=403)


def _content(copy: Copy, key: bytes) -> Content:
    message = copy.message
    try:
        text = open_under(key, message.sealed_text, place=text_place(message.public_id)).decode()
        return Content(text, tuple(about(one, key) for one in message.attachments.all()))
    except Unsealable as error:
        raise CosmicError(ErrorCode.MESSAGE_DAMAGED, status=409) from error


def _mark_opened(copy: Copy, person: Person) -> None:
    """Say that it was opened; of what is viewed once the first to come takes the key with them."""
    received = copy.mailbox == mailbox_of(person, Folder.INBOX)
    now = timezone.now()
    if received and copy.message.view_once:
        if not Copy.objects.filter(pk=copy.pk).exclude(wrapped_key=b"").update(wrapped_key=b"", opened_at=now):
            raise CosmicError(ErrorCode.MESSAGE_GONE, status=410)
    elif not Copy.objects.filter(pk=copy.pk, opened_at=None).update(opened_at=now):
        return
    tell_mailboxes([person, *people_of(copy, person)])


def _unlocked(reader: Reader, message_id: uuid.UUID | str) -> tuple[Copy, bytes]:
    copy = copy_of(person=reader.person, message_id=message_id)
    if not still_readable(copy, reader.person):
        raise CosmicError(ErrorCode.MESSAGE_GONE, status=410)
    if not may_read(reader.person):
        raise CosmicError(ErrorCode.NOT_ENROLLED, status=403)
    handle = unlocks.handle_of(binding=reader.binding, message_id=message_id, person=reader.person)
    return copy, unlocks.key_of(handle)
