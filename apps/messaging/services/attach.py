"""Files of a draft: sealed under its data key while they are taken in; given out piece by piece."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files.storage import storages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Sum

from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Person
from apps.messaging.envelope import FILES, derived, open_under, seal_under
from apps.messaging.files import SNIFFED, SealedContent, harmless_name, kind_of, opened
from apps.messaging.mailboxes import Folder
from apps.messaging.models import Attachment
from apps.messaging.selectors import key_of, live_copies
from apps.messaging.services.compose import draft_of

MOST_ATTACHMENTS = 10
MOST_BYTES = 500 * 1024 * 1024  # of all files in what one has written and not deleted
FOLDER = "messages"


@dataclass(frozen=True, slots=True)
class AttachmentAbout:
    """What a reader sees of a file. ``size`` in bytes."""

    id: int
    name: str
    kind: str
    size: int


def attach(*, person: Person, message_id: uuid.UUID | str, file: UploadedFile) -> AttachmentAbout:
    """Add a file to one's own draft.

    Raises:
        CosmicError: ``not_found``, ``not_a_draft`` (409), ``too_many_attachments`` (409), ``attachment_kind`` (415),
            ``empty_file``, ``too_large`` (413), ``quota_exceeded`` (413).
    """
    if (file.size or 0) > settings.ENV.attachment_max_bytes:
        raise CosmicError(ErrorCode.TOO_LARGE, status=413)
    kind = kind_of(file.read(SNIFFED))
    file.seek(0)
    blob = f"{FOLDER}/{uuid.uuid4().hex}"
    try:
        with transaction.atomic():
            copy = draft_of(person, message_id)
            if copy.message.attachments.count() >= MOST_ATTACHMENTS:
                raise CosmicError(ErrorCode.TOO_MANY_ATTACHMENTS, status=409)
            key = key_of(copy, person)
            if _held_by(person) + (file.size or 0) > MOST_BYTES:
                raise CosmicError(ErrorCode.QUOTA_EXCEEDED, status=413)
            name = harmless_name(file.name or "", kind)
            sealed_about = seal_under(key, json.dumps([name, kind]).encode(), place=f"{blob}|about")
            attachment = Attachment.objects.create(
                message=copy.message,
                blob=blob,
                sealed_about=sealed_about,
                size=file.size or 0,
            )
            storages["sealed"].save(blob, SealedContent(file, derived(key, FILES), place=blob))
            return AttachmentAbout(attachment.pk, name, kind, attachment.size)
    except Exception:
        blobs.erase(blob)
        raise


def detach(*, person: Person, message_id: uuid.UUID | str, attachment_id: int) -> None:
    """Take a file off one's own draft again.

    Raises:
        CosmicError: ``not_found``, ``not_a_draft`` (409).
    """
    with transaction.atomic():
        copy = draft_of(person, message_id)
        attachment = copy.message.attachments.filter(pk=attachment_id).first()
        if attachment is None:
            raise CosmicError(ErrorCode.NOT_FOUND, status=404)
        attachment.delete()
        transaction.on_commit(lambda: blobs.erase(attachment.blob))


def about(attachment: Attachment, key: bytes) -> AttachmentAbout:
    """Raises Unsealable."""
    name, kind = json.loads(open_under(key, attachment.sealed_about, place=f"{attachment.blob}|about"))
    return AttachmentAbout(attachment.pk, name, kind, attachment.size)


def content(attachment: Attachment, key: bytes) -> Iterator[bytes]:
    """The plain file in pieces.

    Raises:
        FileNotFoundError: it is gone from the disk.
        Unsealable: at the piece that was changed; what came before it was genuine.
    """
    with storages["sealed"].open(attachment.blob) as sealed:
        yield from opened(sealed, derived(key, FILES), place=attachment.blob)


def _held_by(person: Person) -> int:
    written = live_copies(person, Folder.DRAFTS, Folder.SENT).values("message")
    return Attachment.objects.filter(message__in=written).aggregate(bytes=Sum("size"))["bytes"] or 0
