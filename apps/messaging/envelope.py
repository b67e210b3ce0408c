"""Sealing of messages: the text and what copies hold. Attachments: ``apps.messaging.files``.

Each message has a random 256-bit data key, from which HKDF-SHA256 (RFC 5869) derives one for the text and one for the
files. The text is sealed with AES-256-GCM and a random 96-bit nonce (NIST SP 800-38D); a key seals a handful of values,
far from the limit for random nonces. The data key itself is sealed by the vault, bound to message and person.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.identities.models import Person
from apps.identities.vault import Unsealable, seal, unseal

KEY_BYTES = 32
NONCE_BYTES = 12
HEADERS, KEYS = "message-headers", "message-keys"  # purposes of the vault
VALUES, FILES = "values", "files"  # uses of a data key


@dataclass(frozen=True, slots=True)
class Header:
    """What lists show. People are named by their public ids."""

    title: str
    sender: str
    recipients: tuple[str, ...] = ()
    reply_to: str = ""


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def derived(key: bytes, use: str) -> bytes:
    """The key of 32 bytes for one use of a data key: two ciphers never share one."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"cosmic message {use}".encode()).derive(key)


def seal_under(key: bytes, plain: bytes, *, place: str) -> bytes:
    """Seal under a data key. ``place`` says which value of which message this is, and is needed again to open it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(derived(key, VALUES)).encrypt(nonce, plain, place.encode())


def open_under(key: bytes, sealed: bytes | memoryview, *, place: str) -> bytes:
    """Raises Unsealable: another key, another place, or a changed value."""
    sealed = bytes(sealed)
    try:
        return AESGCM(derived(key, VALUES)).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable("changed or moved since it was sealed") from error


def text_place(message_id: uuid.UUID) -> str:
    return f"message:{message_id}|text"


def wrap_key(key: bytes, *, message_id: uuid.UUID, person: Person) -> bytes:
    return seal(key, purpose=KEYS, bound_to=copy_place(message_id, person))


def unwrap_key(wrapped: bytes | memoryview, *, message_id: uuid.UUID, person: Person) -> bytes:
    """Raises Unsealable."""
    return unseal(wrapped, purpose=KEYS, bound_to=copy_place(message_id, person))


def seal_header(header: Header, *, message_id: uuid.UUID, person: Person) -> bytes:
    values = [header.title, header.sender, list(header.recipients), header.reply_to]
    return seal(json.dumps(values).encode(), purpose=HEADERS, bound_to=copy_place(message_id, person))


def open_header(sealed: bytes | memoryview, *, message_id: uuid.UUID, person: Person) -> Header:
    """Raises Unsealable."""
    opened = unseal(sealed, purpose=HEADERS, bound_to=copy_place(message_id, person))
    title, sender, recipients, reply_to = json.loads(opened)
    return Header(title, sender, tuple(recipients), reply_to)


def copy_place(message_id: uuid.UUID, person: Person) -> str:
    return f"message:{message_id}|person:{person.public_id}"
