"""News over the websockets: that a mailbox changed, that a message was revoked. Lost news costs nothing but time."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from apps.identities.models import Person

log = logging.getLogger(__name__)


def mailbox_group(person: Person) -> str:
    return f"mailbox.{person.public_id.hex}"


def unlock_group(handle: str) -> str:
    return f"unlock.{handle}"


def message_group(message_id: uuid.UUID | str) -> str:
    return f"message.{str(message_id).replace('-', '')}"


def tell_mailboxes(people: Iterable[Person]) -> None:
    """Once the transaction has committed: each page counts again what is unread."""
    groups = [mailbox_group(person) for person in people]
    transaction.on_commit(lambda: _tell(groups, {"type": "mailbox.changed"}))


def tell_readers(message_id: uuid.UUID | str) -> None:
    """Once the transaction has committed: whoever has the message open closes it."""
    transaction.on_commit(lambda: _tell([message_group(message_id)], {"type": "message.gone"}))


def tell_unlock(handle: str, content: dict[str, object]) -> None:
    _tell([unlock_group(handle)], {"type": "presence.seen", "content": content})


def _tell(groups: list[str], message: dict[str, object]) -> None:
    try:
        for group in groups:
            async_to_sync(get_channel_layer().group_send)(group, message)
    except Exception:  # what happened is stored; a page that misses the push sees it when it asks
        log.warning("news could not be pushed", exc_info=True)
