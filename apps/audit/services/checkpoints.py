"""Signed checkpoints of the chain (Ed25519, RFC 8032). Kept elsewhere, they show a chain that was rewritten as a whole."""

from __future__ import annotations

import base64
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.audit.models import ChainHead, Checkpoint
from authsite.keys import read_or_create_key


class Signed(Protocol):
    """A checkpoint from the database or from a file."""

    @property
    def sequence(self) -> int: ...
    @property
    def hash(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def signature(self) -> str: ...


@transaction.atomic
def make_checkpoint() -> Checkpoint | None:
    """Sign where the chain ends; None when nothing was appended since the last one."""
    head = ChainHead.objects.select_for_update().filter(pk=1).first()
    if head is None or not head.sequence or Checkpoint.objects.filter(sequence=head.sequence).exists():
        return None
    at = timezone.now()
    key = signing_key()
    statement = _statement(head.sequence, head.hash, at.isoformat(timespec="microseconds"))
    return Checkpoint.objects.create(
        sequence=head.sequence,
        hash=head.hash,
        at=at,
        key=key.public_key().public_bytes_raw().hex(),
        signature=key.sign(statement).hex(),
    )


def signature_holds(signed: Signed) -> bool:
    """Whether the key that the checkpoint names has signed it; False for anything malformed."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key))
        public.verify(bytes.fromhex(signed.signature), _statement(signed.sequence, signed.hash, signed.at))
    except (InvalidSignature, ValueError):
        return False
    return True


def signing_key() -> Ed25519PrivateKey:
    """The deployment's own key, made on first use in a file that only its owner reads."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(read_or_create_key(settings.ENV.audit_key_file)))


def _statement(sequence: int, digest: str, at: str) -> bytes:
    return f"cosmic audit checkpoint|{sequence}|{digest}|{at}".encode()
