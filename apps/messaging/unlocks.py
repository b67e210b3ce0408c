"""What an unlock is: a record in Redis that holds a message's data key, sealed, for as long as its reader is seen.

It is found only by who opened it: the browser session (or API account), the message and the person together. It lives
30 s and is renewed by what the worker sees (``apps.messaging.services.presence``). Where it is gone, or Redis is, nothing
is answered.
"""

from __future__ import annotations

import uuid

from django.core.cache import cache

from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.vault import Unsealable, keyed_digest, seal, unseal
from apps.redis_needed import redis_needed

SECONDS = 30
LONGEST = 900  # seconds that one unlock may be renewed; then the whole capture is asked for again
PURPOSE = "unlocks"
MEMORY = "presence"  # the sealing's purpose of what is remembered of the reader's face


def unlock_binding(binding: str, message_id: uuid.UUID | str) -> str:
    """To what an unlock's nonce, capture and grant belong: 64 digits of session or account, and message."""
    return keyed_digest(f"{binding}|{message_id}".encode(), purpose="unlock-captures")


def handle_of(*, binding: str, message_id: uuid.UUID | str, person: Person) -> str:
    """Under which name the record of this reader, message and session lies."""
    return keyed_digest(f"{binding}|{message_id}|{person.public_id}".encode(), purpose=PURPOSE)


def begin(handle: str, key: bytes) -> None:
    """Raises CosmicError ``broker_unavailable`` (503)."""
    with redis_needed():
        cache.delete_many([_paused(handle), _memory(handle)])
        cache.set(_limit(handle), 1, timeout=LONGEST)
        cache.set(_record(handle), seal(key, purpose=PURPOSE, bound_to=handle), timeout=SECONDS)


def key_of(handle: str) -> bytes:
    """The data key.

    Raises:
        CosmicError: ``message_locked`` (403) without a live record, ``face_lost`` (403) while the face is not seen,
            ``broker_unavailable`` (503).
    """
    with redis_needed():
        sealed, paused = cache.get(_record(handle)), cache.get(_paused(handle))
    if sealed is None:
        raise CosmicError(ErrorCode.MESSAGE_LOCKED, status=403)
    if paused is not None:
        raise CosmicError(ErrorCode.FACE_LOST, status=403)
    try:
        return unseal(sealed, purpose=PURPOSE, bound_to=handle)
    except Unsealable as error:
        raise CosmicError(ErrorCode.MESSAGE_LOCKED, status=403) from error


def live(handle: str) -> bool:
    with redis_needed():
        return cache.get(_record(handle)) is not None


def renew(handle: str) -> bool:
    """Another 30 s from now; False when the record is gone or has been renewed for ``LONGEST``, which nothing here
    brings back."""
    with redis_needed():
        if cache.get(_limit(handle)) is None:
            cache.delete(_record(handle))
            return False
        cache.delete(_paused(handle))
        return bool(cache.expire(_record(handle), SECONDS))  # type: ignore[attr-defined]


def resume(handle: str) -> bool:
    """Answer again for what is left of the 30 s; False when the record is gone."""
    with redis_needed():
        cache.delete(_paused(handle))
        return cache.get(_record(handle)) is not None


def remember(handle: str, memory: bytes) -> None:
    """Keep what the worker knows of the reader's face. It outlives every pause that the record outlives: the record is
    renewed only together with it."""
    with redis_needed():
        cache.set(_memory(handle), seal(memory, purpose=MEMORY, bound_to=handle), timeout=2 * SECONDS)


def remembered(handle: str) -> bytes:
    """What was kept last; empty for nothing, and for what was changed."""
    with redis_needed():
        sealed = cache.get(_memory(handle))
    try:
        return unseal(sealed, purpose=MEMORY, bound_to=handle) if sealed is not None else b""
    except Unsealable:
        return b""


def pause(handle: str) -> None:
    """Nothing more is answered until the reader is seen again; the 30 s go on running."""
    with redis_needed():
        cache.set(_paused(handle), 1, timeout=SECONDS)


def end(handle: str) -> None:
    with redis_needed():
        cache.delete_many([_record(handle), _memory(handle)])


def _record(handle: str) -> str:
    return f"unlock:{handle}"


def _limit(handle: str) -> str:
    return f"unlock-limit:{handle}"


def _paused(handle: str) -> str:
    return f"unlock-paused:{handle}"


def _memory(handle: str) -> str:
    return f"unlock-memory:{handle}"
