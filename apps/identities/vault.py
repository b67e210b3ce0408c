"""Sealing of everything biometric: AES-256-GCM with a key of its own for each purpose.

The master keys are those of ``apps.identities.master_keys``: the first seals, all open. Each purpose derives its key by
HKDF-SHA256, and each sealed value is bound to where it belongs: a template copied into another row does not open.

Layout: version byte 1, key id (4 bytes: start of the SHA-256 of the master key), nonce (12), ciphertext with tag (16).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.identities import master_keys
from authsite.keys import KEY_BYTES

VERSION = b"\x01"
NONCE_BYTES = 12
HEADING_BYTES = len(VERSION) + master_keys.ID_BYTES
HEADER_BYTES = HEADING_BYTES + NONCE_BYTES


class Unsealable(Exception):
    """The value was changed, moved, or sealed with a key that is not here."""


def seal(plain: bytes, *, purpose: str, bound_to: str) -> bytes:
    """Encrypt ``plain``. ``bound_to`` names where the value belongs and has to be given again to open it."""
    master = master_keys.configured()[0]
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_derived(master.secret, purpose)).encrypt(nonce, plain, _associated(purpose, bound_to))
    return VERSION + master.id + nonce + sealed


def unseal(sealed: bytes | memoryview, *, purpose: str, bound_to: str) -> bytes:
    """Decrypt what ``seal`` made.

    Raises:
        Unsealable: wrong key, wrong place, or a changed value.
    """
    sealed = bytes(sealed)
    master = master_keys.find(sealed_with(sealed))
    if master is None:
        raise Unsealable("sealed with a key that is not configured here")
    nonce = sealed[HEADING_BYTES:HEADER_BYTES]
    try:
        key = AESGCM(_derived(master.secret, purpose))
        return key.decrypt(nonce, sealed[HEADER_BYTES:], _associated(purpose, bound_to))
    except (InvalidTag, ValueError) as error:  # ValueError: cut off within its nonce
        raise Unsealable("changed or moved since it was sealed") from error


def sealed_with(sealed: bytes | memoryview) -> bytes:
    """The id of the master key (4 bytes) that a value names.

    Raises:
        Unsealable: it was not made by ``seal``.
    """
    heading = bytes(sealed[:HEADING_BYTES])
    if len(heading) < HEADING_BYTES or not heading.startswith(VERSION):
        raise Unsealable("changed since it was sealed")
    return heading[len(VERSION) :]


def heading_now() -> bytes:
    """What every value begins with that is sealed under the first master key."""
    return VERSION + master_keys.configured()[0].id


def headings_known() -> list[bytes]:
    """What values begin with that are sealed under a key that is configured here."""
    return [VERSION + key.id for key in master_keys.known()]


def is_foreign(sealed: bytes | memoryview) -> bool:
    """Whether a value names a master key that is not configured here. Its start is enough; a damaged one names none."""
    heading = bytes(sealed[:HEADING_BYTES])
    if len(heading) < HEADING_BYTES or not heading.startswith(VERSION):
        return False
    return heading not in headings_known()


def is_current(sealed: bytes | memoryview) -> bool:
    """Whether a value is sealed under the first master key. Its start is enough."""
    return bytes(sealed[:HEADING_BYTES]) == heading_now()


def reseal(sealed: bytes | memoryview, *, purpose: str, bound_to: str) -> bytes:
    """The same content sealed under the first master key.

    Raises:
        Unsealable: see ``unseal``.
    """
    return seal(unseal(sealed, purpose=purpose, bound_to=bound_to), purpose=purpose, bound_to=bound_to)


def keyed_digest(value: bytes, *, purpose: str) -> str:
    """A digest (64 hexadecimal digits) that only the holder of the master key and the database can recompute.

    Raises:
        Unsealable: the root secret was sealed with a key that is not here.
    """
    return hmac.new(_derived(_root_secret(), f"digest:{purpose}"), value, hashlib.sha256).hexdigest()


def derived_seed(purpose: str) -> int:
    """A secret 128-bit number for ``purpose``, always the same in one database.

    Raises:
        Unsealable: the root secret was sealed with a key that is not here.
    """
    return int.from_bytes(_derived(_root_secret(), f"seed:{purpose}")[:16], "big")


def _root_secret() -> bytes:
    from apps.identities.root_secret import root_secret  # a row of the database, which sealing does without

    return root_secret()


def _associated(purpose: str, bound_to: str) -> bytes:
    return f"{purpose}|{bound_to}".encode()


@lru_cache(maxsize=256)
def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"cosmic:{purpose}".encode()).derive(secret)
