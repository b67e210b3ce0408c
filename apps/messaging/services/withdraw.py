"""Taking back: the sender revokes, anybody deletes their own copy, a deleted person's mailboxes go, time runs out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.identities import blobs
from apps.identities.models import Person
from apps.messaging.mailboxes import Folder, alias_of, mailboxes_of
from apps.messaging.models import Attachment, Copy, Message
from apps.messaging.selectors import copy_of, people_of
from apps.messaging.services.attach import FOLDER
from apps.messaging.services.notify import tell_mailboxes, tell_readers

BATCH = 200
YOUNG = timedelta(hours=1)


def revoke(*, person: Person, message_id: uuid.UUID | str, address: str | None = None) -> None:
    """Make a message that one has sent unreadable for everybody who got it. Whoever has it open loses it.

    Raises:
        CosmicError: ``not_found`` for what one has not sent.
    """
    with transaction.atomic():
        copy = copy_of(person=person, message_id=message_id, folders=[Folder.SENT])
        Copy.objects.filter(message=copy.message_id).exclude(pk=copy.pk).update(wrapped_key=b"")
        if not Message.objects.filter(pk=copy.message_id, revoked_at=None).update(revoked_at=timezone.now()):
            return
        tell_readers(message_id)
        tell_mailboxes(people_of(copy, person))
        record_event(
            action="message.revoked",
            actor_id=person.user_id,
            subject_id=person.public_id,
            address=address,
            reference=alias_of(person, message_id),
        )


def delete_copy(*, person: Person, message_id: uuid.UUID | str, address: str | None = None) -> None:
    """Delete what one has of a message; with the last copy the message goes.

    Raises:
        CosmicError: ``not_found``.
    """
    with transaction.atomic():
        copy = copy_of(person=person, message_id=message_id)
        _lock([copy.message_id])
        copy.delete()
        purge_orphans([copy.message_id])
        tell_mailboxes([person])
        record_event(
            action="message.deleted",
            actor_id=person.user_id,
            subject_id=person.public_id,
            address=address,
            reference=alias_of(person, message_id),
        )


def forget_mailboxes(person: Person) -> None:
    """Inside the transaction that deletes a person: destroy every key they had. What they sent stays with those who got
    it; what nobody else has goes."""
    copies = Copy.objects.filter(mailbox__in=mailboxes_of(person))
    messages = list(copies.values_list("message_id", flat=True))
    _lock(messages)
    copies.delete()
    purge_orphans(messages)


def delete_expired() -> int:
    """Delete messages whose time is over, with ciphertext, copies and files. Returns how many."""
    rows = Message.objects.filter(expires_at__lte=timezone.now()).order_by("pk")
    expired = dict(rows.values_list("pk", "public_id")[:BATCH])
    if not expired:
        return 0
    with transaction.atomic():
        _delete(list(expired))
        for public_id in expired.values():
            tell_readers(public_id)
        record_event(action="messages.expired", details={"messages": len(expired)})
    return len(expired)


def purge_orphans(messages: Iterable[int]) -> None:
    """Delete those of ``messages`` that nobody has any more."""
    _delete(list(Message.objects.filter(pk__in=list(messages), copies=None).values_list("pk", flat=True)))


def sweep() -> None:
    """Take away what a crash has left: files without a row, and messages that nobody has. What is young may be on its
    way."""
    young = timezone.now() - YOUNG
    purge_orphans(Message.objects.filter(created_at__lt=young, copies=None).values_list("pk", flat=True)[:BATCH])
    known = set(Attachment.objects.values_list("blob", flat=True))
    for name in blobs.names_in(FOLDER):
        if name not in known and blobs.written_at(name) < young:
            blobs.erase(name)


def _lock(messages: Iterable[int]) -> None:
    """Two who delete the last two copies at once must see each other's deletion."""
    list(Message.objects.select_for_update().filter(pk__in=list(messages)).order_by("pk").values_list("pk"))


def _delete(messages: list[int]) -> None:
    names = list(Attachment.objects.filter(message__in=messages).values_list("blob", flat=True))
    Message.objects.filter(pk__in=messages).delete()
    transaction.on_commit(lambda: blobs.erase_all(names))
