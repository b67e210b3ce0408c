"""Whose a copy is: a digest of person and folder that only the holder of the master key can make."""

from __future__ import annotations

import uuid
from enum import StrEnum

from apps.identities.models import Person
from apps.identities.vault import keyed_digest


class Folder(StrEnum):
    INBOX = "inbox"
    SENT = "sent"
    DRAFTS = "drafts"


def mailbox_of(person: Person, folder: Folder) -> str:
    """64 hexadecimal digits."""
    return keyed_digest(f"{person.public_id}|{folder}".encode(), purpose="mailboxes")


def mailboxes_of(person: Person) -> dict[str, Folder]:
    """The person's mailboxes by digest."""
    return {mailbox_of(person, folder): folder for folder in Folder}


def alias_of(person: Person, message_id: uuid.UUID | str) -> str:
    """What the audit trail calls a message: 32 digits, another for each person, so that it links nobody to anybody."""
    return keyed_digest(f"{person.public_id}|{message_id}".encode(), purpose="message-aliases")[:32]
