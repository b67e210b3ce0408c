"""Writing: drafts, and sending them. A message is a draft first; sending gives each recipient a copy of its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.people import person_of
from apps.messaging.envelope import Header, new_key, seal_header, seal_under, text_place, wrap_key
from apps.messaging.mailboxes import Folder, alias_of, mailbox_of
from apps.messaging.models import Copy, Message
from apps.messaging.selectors import copy_of, header_of, key_of, live_copies
from apps.messaging.services.notify import tell_mailboxes

LONGEST_TITLE = 200
LONGEST_TEXT = 200_000  # characters
MOST_RECIPIENTS = 50
MOST_DRAFTS = 100
LONGEST_LIFE = timedelta(days=366)
SHORTEST_LIFE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Written:
    """What a person has typed. ``recipients`` are user names, ``expires_at`` None for a message that stays."""

    title: str
    text: str
    recipients: tuple[str, ...] = ()
    expires_at: datetime | None = None
    view_once: bool = False
    reply_to: str = ""


def save_draft(
    *, person: Person, written: Written, message_id: uuid.UUID | str | None = None, kept: bool = True
) -> Message:
    """Keep what was typed, as a new draft or in place of one's own earlier one. ``kept`` False for one that is sent at
    once, which a full folder does not keep from being written.

    Raises:
        CosmicError: ``recipient_unknown``, ``message_to_self``, ``text_too_long`` (413), ``invalid_request`` with its
            fields, ``too_many_drafts`` (409), ``not_found`` or ``not_a_draft`` (409) for ``message_id``.
    """
    _check(written)
    recipients = _people_named(person, written.recipients)
    with transaction.atomic():
        if message_id is None:
            if kept and live_copies(person, Folder.DRAFTS).count() >= MOST_DRAFTS:
                raise CosmicError(ErrorCode.TOO_MANY_DRAFTS, status=409)
            return _new_draft(person, written, recipients)
        copy = draft_of(person, message_id)
        key = key_of(copy, person)
        _fill(copy.message, written, key)
        copy.message.save(update_fields=["sealed_text", "view_once", "expires_at"])
        header = _header(person, written, recipients)
        copy.sealed_header = seal_header(header, message_id=copy.message.public_id, person=person)
        copy.save(update_fields=["sealed_header"])
        return copy.message


def send(*, person: Person, message_id: uuid.UUID | str, address: str | None = None) -> Message:
    """Send a draft: each recipient gets header and key for themselves.

    Raises:
        CosmicError: ``not_found``, ``not_a_draft`` or ``message_damaged`` (409), ``recipient_missing``,
            ``recipient_unknown`` when one is gone since the draft was saved, ``invalid_request`` when it would expire at
            once.
    """
    with transaction.atomic():
        copy = draft_of(person, message_id)
        message, header = copy.message, header_of(copy, person)
        recipients = _people_of(header.recipients)
        if message.expires_at and message.expires_at < timezone.now() + SHORTEST_LIFE:
            raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"expires_at": ["It would expire at once."]})
        key = key_of(copy, person)
        copy.delete()
        message.sent_at = timezone.now()
        message.save(update_fields=["sent_at"])
        own = Copy(
            message=message,
            mailbox=mailbox_of(person, Folder.SENT),
            sealed_header=copy.sealed_header,
            wrapped_key=b"" if message.view_once else copy.wrapped_key,
            opened_at=message.sent_at,
        )
        Copy.objects.bulk_create([own, *(_copy_for(message, recipient, header, key) for recipient in recipients)])
        tell_mailboxes(recipients)
        record_event(
            action="message.sent",
            actor_id=person.user_id,
            subject_id=person.public_id,
            address=address,
            reference=alias_of(person, message.public_id),
            details={"recipients": len(recipients), "view_once": message.view_once},
        )
    return message


def draft_of(person: Person, message_id: uuid.UUID | str) -> Copy:
    """One's own draft, locked until the transaction ends.

    Raises:
        CosmicError: ``not_found``, ``not_a_draft`` (409).
    """
    copy = copy_of(person=person, message_id=message_id)
    drafts = Copy.objects.select_for_update(of=("self",)).select_related("message")
    draft = drafts.filter(pk=copy.pk, mailbox=mailbox_of(person, Folder.DRAFTS)).first()
    if draft is None:  # also one that somebody has sent while this waited for the lock
        raise CosmicError(ErrorCode.NOT_A_DRAFT, status=409)
    return draft


def _new_draft(person: Person, written: Written, recipients: list[Person]) -> Message:
    key = new_key()
    message = Message()
    _fill(message, written, key)
    message.save()
    copy = _copy_for(message, person, _header(person, written, recipients), key)
    copy.mailbox = mailbox_of(person, Folder.DRAFTS)
    copy.save()
    return message


def _fill(message: Message, written: Written, key: bytes) -> None:
    message.sealed_text = seal_under(key, written.text.encode(), place=text_place(message.public_id))
    message.view_once = written.view_once
    message.expires_at = written.expires_at


def _header(person: Person, written: Written, recipients: list[Person]) -> Header:
    names = tuple(str(recipient.public_id) for recipient in recipients)
    return Header(written.title.strip(), str(person.public_id), names, written.reply_to)


def _copy_for(message: Message, person: Person, header: Header, key: bytes) -> Copy:
    return Copy(
        message=message,
        mailbox=mailbox_of(person, Folder.INBOX),
        sealed_header=seal_header(header, message_id=message.public_id, person=person),
        wrapped_key=wrap_key(key, message_id=message.public_id, person=person),
    )


def _check(written: Written) -> None:
    fields: dict[str, list[str]] = {}
    if not written.title.strip() or len(written.title) > LONGEST_TITLE:
        fields["title"] = [f"1 to {LONGEST_TITLE} characters."]
    if len(written.recipients) > MOST_RECIPIENTS:
        fields["recipients"] = [f"At most {MOST_RECIPIENTS}."]
    if written.expires_at is not None:
        life = written.expires_at - timezone.now()
        if not SHORTEST_LIFE <= life <= LONGEST_LIFE:
            fields["expires_at"] = ["Between one minute and one year from now."]
    if fields:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields=fields)
    if len(written.text) > LONGEST_TEXT:
        raise CosmicError(
            ErrorCode.TEXT_TOO_LONG, status=413, fields={"text": [f"At most {LONGEST_TEXT:,} characters."]}
        )


def _people_named(person: Person, names: tuple[str, ...]) -> list[Person]:
    """Everybody named, once, in the order of the names. Who is suspended receives nothing."""
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    accounts = get_user_model().objects.filter(username__in=wanted, is_active=True)
    people = [person_of(account) for account in accounts]  # also of accounts that have not looked at a page yet
    found = {one.user.get_username(): one for one in people if one.status != Person.Status.SUSPENDED}
    if person.user.get_username() in wanted:
        raise CosmicError(ErrorCode.MESSAGE_TO_SELF, fields={"recipients": ["Leave yourself out."]})
    missing = [name for name in wanted if name not in found]
    if missing:
        raise CosmicError(ErrorCode.RECIPIENT_UNKNOWN, fields={"recipients": missing})
    return [found[name] for name in wanted]


def _people_of(public_ids: tuple[str, ...]) -> list[Person]:
    if not public_ids:
        raise CosmicError(ErrorCode.RECIPIENT_MISSING)
    found = list(_receiving().filter(public_id__in=public_ids).select_related("user"))
    if len(found) != len(public_ids):
        raise CosmicError(ErrorCode.RECIPIENT_UNKNOWN, fields={"recipients": ["Somebody is not here any more."]})
    return found


def _receiving():
    return Person.objects.filter(user__is_active=True).exclude(status=Person.Status.SUSPENDED)
