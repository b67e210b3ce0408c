"""Sealing of everything biometric: AES-256-GCM with a key of its own for each purpose.

The master keys come from ``COSMIC_MASTER_KEY`` (base64 of 32 bytes; separated by commas: the first seals, all open)
or from the key file. Each purpose derives its key by HKDF-SHA256, and each sealed value is bound to where it
belongs: a template copied into another row does not open.

Layout: version byte 1, key id (4 bytes: start of the SHA-256 of the master key), nonce (12), ciphertext with tag (16).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authsite.keys import KEY_BYTES, read_or_create_key

VERSION = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES


class Unsealable(Exception):
    """The value was changed, moved, or sealed with a key that is not here."""


def seal(plain: bytes, *, purpose: str, bound_to: str) -> bytes:
    """Encrypt ``plain``. ``bound_to`` names where the value belongs and has to be given again to open it."""
    key_id, key = next(iter(_keys(purpose).items()))
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + key_id + nonce + AESGCM(key).encrypt(nonce, plain, _associated(purpose, bound_to))


def unseal(sealed: bytes | memoryview, *, purpose: str, bound_to: str) -> bytes:
    """Decrypt what ``seal`` made.

    Raises:
        Unsealable: wrong key, wrong place, or a changed value.
    """
    sealed = bytes(sealed)
    key = _keys(purpose).get(sealed[1 : 1 + KEY_ID_BYTES])
    if sealed[:1] != VERSION or key is None:
        raise Unsealable("sealed with a key that is not configured here")
    nonce = sealed[1 + KEY_ID_BYTES : HEADER_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[HEADER_BYTES:], _associated(purpose, bound_to))
    except InvalidTag as error:
        raise Unsealable("changed or moved since it was sealed") from error


def keyed_digest(value: bytes, *, purpose: str) -> str:
    """A digest (64 hexadecimal digits) that only the holder of the master key can recompute."""
    key = list(_keys(f"digest:{purpose}").values())[-1]  # the oldest: a new key must not change what is known
    return hmac.new(key, value, hashlib.sha256).hexdigest()


def derived_seed(purpose: str) -> int:
    """A secret 128-bit number for ``purpose``, always the same under one master key."""
    oldest = list(_keys(f"seed:{purpose}").values())[-1]
    return int.from_bytes(oldest[:16], "big")


def _associated(purpose: str, bound_to: str) -> bytes:
    return f"{purpose}|{bound_to}".encode()


@cache
def _keys(purpose: str) -> dict[bytes, bytes]:
    """Derived keys by key id, the one that seals first."""
    keys = {}
    for master in _master_keys():
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"cosmic:{purpose}".encode())
        keys[hashlib.sha256(master).digest()[:KEY_ID_BYTES]] = derived.derive(master)
    return keys


@cache
def _master_keys() -> tuple[bytes, ...]:
    text = settings.ENV.master_key or read_or_create_key(settings.ENV.master_key_file)
    keys = []
    for part in text.split(","):
        try:
            key = base64.b64decode(part.strip(), validate=True)
        except binascii.Error as error:
            raise ImproperlyConfigured("COSMIC_MASTER_KEY must be base64 of 32 bytes") from error
        if len(key) != KEY_BYTES:
            raise ImproperlyConfigured(f"COSMIC_MASTER_KEY must be base64 of 32 bytes, not of {len(key)}")
        keys.append(key)
    return tuple(keys)
