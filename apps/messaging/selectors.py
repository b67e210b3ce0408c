"""What a person may see of messages: lists, titles, times. Never the text; that needs an unlock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.vault import Unsealable
from apps.messaging.envelope import Header, open_header, unwrap_key
from apps.messaging.mailboxes import Folder, mailbox_of, mailboxes_of
from apps.messaging.models import Copy

PAGE = 50
SEARCHED = 2000  # newest messages of a folder that a search opens the titles of
DELETED = "deleted account"
DAMAGED = "(cannot be opened)"


@dataclass(frozen=True, slots=True)
class Recipient:
    name: str
    opened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A message in a list. ``recipients`` carry when they opened it in what one has sent oneself."""

    id: uuid.UUID
    folder: Folder
    title: str
    sender: str
    recipients: tuple[Recipient, ...]
    at: datetime
    expires_at: datetime | None
    view_once: bool
    opened_at: datetime | None
    openable: bool
    revoked: bool
    attachments: int
    bytes: int
    reply_to: str


def live_copies(person: Person, *folders: Folder) -> QuerySet[Copy]:
    """The person's copies of messages that have not expired."""
    boxes = [mailbox_of(person, folder) for folder in folders or Folder]
    unexpired = Q(message__expires_at=None) | Q(message__expires_at__gt=timezone.now())
    return Copy.objects.filter(unexpired, mailbox__in=boxes).select_related("message")


def copy_of(*, person: Person, message_id: uuid.UUID | str, folders: Iterable[Folder] = Folder) -> Copy:
    """The person's copy of a message.

    Raises:
        CosmicError: ``not_found``, the same for somebody else's, a deleted and an expired one.
    """
    found = live_copies(person, *folders).filter(message__public_id=message_id).first()
    if found is None:
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    return found


def folder_of(copy: Copy, person: Person) -> Folder:
    return mailboxes_of(person)[copy.mailbox]


def unread(person: Person) -> int:
    """Messages in the inbox that were not opened and can be."""
    return live_copies(person, Folder.INBOX).filter(opened_at=None).exclude(wrapped_key=b"").count()


def listed(*, person: Person, folder: Folder, search: str = "", before: uuid.UUID | None = None) -> list[Listed]:
    """A page of a folder, the newest first. ``search`` looks for its words in titles and names."""
    copies = live_copies(person, folder)
    if before is not None:
        copies = copies.filter(pk__lt=_number_of(before, copies))
    rows = list(copies[:SEARCHED] if search.strip() else copies[:PAGE])
    found = _described(person, {copy.pk: folder for copy in rows}, rows)
    words = search.casefold().split()
    hits = [one for one in found if all(word in _searchable(one) for word in words)]
    return hits[:PAGE]


def every_listed(*, person: Person, folder: Folder) -> list[Listed]:
    """All of a folder, for the person's own archive."""
    rows = list(live_copies(person, folder))
    return _described(person, {copy.pk: folder for copy in rows}, rows)


def described(*, person: Person, copy: Copy) -> Listed:
    return _described(person, {copy.pk: folder_of(copy, person)}, [copy])[0]


def header_of(copy: Copy, person: Person) -> Header:
    """Raises CosmicError ``message_damaged`` (409)."""
    header = _header_or_none(copy, person)
    if header is None:
        raise CosmicError(ErrorCode.MESSAGE_DAMAGED, status=409)
    return header


def key_of(copy: Copy, person: Person) -> bytes:
    """The message's data key.

    Raises:
        CosmicError: ``message_damaged`` (409).
    """
    try:
        return unwrap_key(copy.wrapped_key, message_id=copy.message.public_id, person=person)
    except Unsealable as error:
        raise CosmicError(ErrorCode.MESSAGE_DAMAGED, status=409) from error


def people_of(copy: Copy, person: Person) -> QuerySet[Person]:
    """Everybody whom the header names; nobody where it does not open."""
    header = _header_or_none(copy, person)
    return Person.objects.filter(public_id__in=[header.sender, *header.recipients] if header else [])


def may_read(person: Person) -> bool:
    """Whether the person's face can open anything: enrolled, and neither suspended nor under review."""
    return person.status == Person.Status.ACTIVE and person.user.is_active and person.templates.exists()


def _described(person: Person, folders: dict[int, Folder], copies: list[Copy]) -> list[Listed]:
    headers = {copy.pk: _header_or_none(copy, person) for copy in copies}
    people = _people(header for header in headers.values() if header)
    sizes = _sizes(copies)
    opened = _opened(copies, headers, people) if Folder.SENT in folders.values() else {}
    listed = []
    for copy in copies:
        header = headers[copy.pk] or Header(DAMAGED, "")
        message, folder = copy.message, folders[copy.pk]
        count, size = sizes.get(message.pk, (0, 0))
        seen = [Recipient(_name(people, one)) for one in header.recipients]
        if folder is Folder.SENT:
            seen = [
                replace(recipient, opened_at=opened.get((message.pk, one)))
                for recipient, one in zip(seen, header.recipients, strict=True)
            ]
        listed.append(
            Listed(
                id=message.public_id,
                folder=folder,
                title=header.title,
                sender=_name(people, header.sender),
                recipients=tuple(seen),
                at=message.sent_at or message.created_at,
                expires_at=message.expires_at,
                view_once=message.view_once,
                opened_at=copy.opened_at,
                openable=bool(copy.wrapped_key) and headers[copy.pk] is not None,
                revoked=message.revoked_at is not None,
                attachments=count,
                bytes=size,
                reply_to=header.reply_to,
            )
        )
    return listed


def _header_or_none(copy: Copy, person: Person) -> Header | None:
    try:
        return open_header(copy.sealed_header, message_id=copy.message.public_id, person=person)
    except Unsealable:
        return None


def _people(headers: Iterable[Header]) -> dict[str, Person]:
    ids = {one for header in headers for one in (header.sender, *header.recipients)}
    found = Person.objects.select_related("user").filter(public_id__in=ids)
    return {str(person.public_id): person for person in found}


def _name(people: dict[str, Person], public_id: str) -> str:
    return people[public_id].user.get_username() if public_id in people else DELETED


def _sizes(copies: list[Copy]) -> dict[int, tuple[int, int]]:
    rows = (
        Copy.objects.filter(pk__in=[copy.pk for copy in copies], message__attachments__isnull=False)
        .values("message_id")
        .annotate(count=Count("message__attachments"), size=Sum("message__attachments__size"))
        .order_by()
    )
    return {row["message_id"]: (row["count"], row["size"]) for row in rows}


def _opened(
    copies: list[Copy], headers: dict[int, Header | None], people: dict[str, Person]
) -> dict[tuple[int, str], datetime | None]:
    """When each recipient opened what was sent, by message and public id."""
    boxes = {mailbox_of(person, Folder.INBOX): public_id for public_id, person in people.items()}
    rows = Copy.objects.filter(message__in=[copy.message_id for copy in copies], mailbox__in=boxes)
    return {
        (row.message_id, boxes[row.mailbox]): row.opened_at for row in rows.only("message_id", "mailbox", "opened_at")
    }


def _number_of(public_id: uuid.UUID, copies: QuerySet[Copy]) -> int:
    """Where a page ended; a message that is gone since then begins at the end, which shows nothing twice."""
    return copies.filter(message__public_id=public_id).values_list("pk", flat=True).first() or 0


def _searchable(one: Listed) -> str:
    return " ".join([one.title, one.sender, *(recipient.name for recipient in one.recipients)]).casefold()
