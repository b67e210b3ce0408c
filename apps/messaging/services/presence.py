"""Whether the reader is still there: small frames from the page, judged by the worker. Nothing is stored.

A frame lies sealed in Redis for a few seconds under a random id; the task carries the id alone. What the worker says
of it renews the unlock, holds it back, or ends it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from enum import StrEnum

from django.core.cache import cache

from apps import dispatch
from apps.errors import SENTENCES, CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.vault import Unsealable, seal, unseal
from apps.messaging import unlocks
from apps.messaging.services.notify import tell_unlock

PURPOSE = "presence"
KEPT_SECONDS = 5
REMEMBERED_SECONDS = 10
LARGEST_FRAME = 100_000


class Seen(StrEnum):
    """What the worker sees; ``worker.cascade.presence.Presence`` has the same values."""

    PRESENT = "present"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    OTHER_FACE = "other_face"
    NOT_LIVE = "not_live"


CODES = {
    Seen.NO_FACE: ErrorCode.FACE_LOST,
    Seen.SEVERAL_FACES: ErrorCode.SEVERAL_FACES,
    Seen.OTHER_FACE: ErrorCode.OTHER_FACE,
    Seen.NOT_LIVE: ErrorCode.NOT_LIVE,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame before the worker. ``number`` counts the frames of one socket; ``memory`` is what the worker kept of
    those before, in its own form."""

    handle: str
    person_id: int
    number: int
    frame: bytes
    memory: bytes


def show_frame(*, handle: str, person: Person, number: int, frame: bytes) -> None:
    """Put one frame before the worker.

    Raises:
        CosmicError: ``broker_unavailable``.
    """
    frame_id = secrets.token_hex(16)
    about = json.dumps([handle, person.pk, number]).encode()
    sealed = seal(about + b"\n" + frame, purpose=PURPOSE, bound_to=frame_id)
    cache.set(f"presence:{frame_id}", sealed, timeout=KEPT_SECONDS)
    dispatch.send_task(dispatch.WATCH_READER, frame_id, expires=KEPT_SECONDS)


def take_frame(frame_id: str) -> Shown | None:
    """The frame, once; None when it is gone, or was changed."""
    sealed = cache.get(f"presence:{frame_id}")
    cache.delete(f"presence:{frame_id}")
    if sealed is None:
        return None
    try:
        about, _, frame = unseal(sealed, purpose=PURPOSE, bound_to=frame_id).partition(b"\n")
    except Unsealable:
        return None
    handle, person_id, number = json.loads(about)
    return Shown(handle, person_id, number, frame, _memory(handle))


def note(shown: Shown, seen: Seen, memory: bytes) -> None:
    """Do what follows from what was seen, and tell the page. A frame that comes after a later one is passed over."""
    if (cache.get(_last(shown.handle)) or 0) >= shown.number:
        return
    cache.set(_last(shown.handle), shown.number, timeout=REMEMBERED_SECONDS)
    cache.set(_kept(shown.handle), seal(memory, purpose=PURPOSE, bound_to=shown.handle), timeout=REMEMBERED_SECONDS)
    if seen is Seen.PRESENT:
        open_still = unlocks.renew(shown.handle)
    else:
        unlocks.pause(shown.handle)
        if seen is Seen.OTHER_FACE and not _first_stranger(shown):
            unlocks.end(shown.handle)
        open_still = unlocks.live(shown.handle)
    tell_unlock(shown.handle, values(seen, open_still))


def forget(handle: str) -> None:
    """Begin anew: a new socket counts its frames from one."""
    cache.delete_many([_last(handle), _kept(handle), _stranger(handle)])


def values(seen: Seen, open_still: bool) -> dict[str, object]:
    """What the page is told."""
    code = CODES.get(seen)
    return {
        "type": "presence",
        "seen": seen.value,
        "open": open_still,
        "message": SENTENCES[code] if code else "",
        "seconds": unlocks.SECONDS if seen is Seen.PRESENT and open_still else None,
    }


def broken(error: CosmicError) -> dict[str, object]:
    """What the page is told when nobody can look."""
    return {"type": "failed", "code": error.code.value, "message": error.sentence}


def _first_stranger(shown: Shown) -> bool:
    """A single frame may mistake the reader; two in a row end the unlock. The text is hidden from the first on."""
    before = cache.get(_stranger(shown.handle))
    cache.set(_stranger(shown.handle), shown.number, timeout=REMEMBERED_SECONDS)
    return before != shown.number - 1


def _memory(handle: str) -> bytes:
    sealed = cache.get(_kept(handle))
    if sealed is None:
        return b""
    try:
        return unseal(sealed, purpose=PURPOSE, bound_to=handle)
    except Unsealable:
        return b""


def _last(handle: str) -> str:
    return f"presence-last:{handle}"


def _stranger(handle: str) -> str:
    return f"presence-stranger:{handle}"


def _kept(handle: str) -> str:
    return f"presence-memory:{handle}"
