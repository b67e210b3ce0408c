"""Whether the reader is still there: small frames from the page, judged by the worker. Nothing is stored.

A frame lies sealed in Redis for a few seconds under a random id; the task carries the id alone. What the worker says
of it renews the unlock, holds it back, or ends it.

What the worker remembers belongs to the unlock, not to the socket: a second socket, a pause, or a frame without a face
begin nothing anew. The first frames of an unlock, of which nobody can say whether they move, do not renew it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum

from django.core.cache import cache

from apps import dispatch
from apps.captures import frames
from apps.errors import SENTENCES, CosmicError, ErrorCode
from apps.identities.models import Person
from apps.messaging import unlocks
from apps.messaging.selectors import copy_of, may_read
from apps.messaging.services.notify import tell_unlock
from apps.messaging.services.unlock import still_readable

PURPOSE = "presence"
ORDERED_SECONDS = 10  # longer than any frame is on its way
LOCKED_SECONDS = 2


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
class Watched:
    """What one socket watches over: an unlock, whose it is, and of what. ``watcher`` names the socket."""

    watcher: str
    handle: str
    person_id: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame before the worker. ``number`` counts the frames of one socket; ``memory`` is what the worker kept of
    those before, from whichever socket of the unlock, in its own form."""

    watched: Watched
    number: int
    frame: bytes
    memory: bytes


def new_watcher() -> str:
    return secrets.token_hex(16)


def show_frame(*, watched: Watched, number: int, frame: bytes) -> None:
    """Put one frame before the worker.

    Raises:
        CosmicError: ``broker_unavailable``.
    """
    frame_id = secrets.token_hex(16)
    about = json.dumps([asdict(watched), number]).encode()
    frames.put_frame(about + b"\n" + frame, kind=PURPOSE, frame_id=frame_id)
    dispatch.send_task(dispatch.WATCH_READER, frame_id, expires=frames.KEPT_SECONDS)


def take_frame(frame_id: str) -> Shown | None:
    """The frame, once; None when it is gone, was changed, or another worker has it."""
    content = frames.take_frame(frame_id, kind=PURPOSE)
    if content is None:
        return None
    about, _, frame = content.partition(b"\n")
    watched, number = json.loads(about)
    return Shown(Watched(**watched), number, frame, unlocks.remembered(watched["handle"]))


def note(shown: Shown, seen: Seen, memory: bytes, *, alive: bool) -> None:
    """Do what follows from what was seen, and tell the page.

    A frame that comes after a later one of its socket is passed over. So is a reader judged against a memory that
    another frame has gone beyond meanwhile: two at once would else write the same step twice, and a picture that stands
    still would gain time by it. Whatever closes is followed all the same.

    Arguments:
        memory: what is to be remembered from now on.
        alive: whether that memory is enough to say that somebody is there, and says so. Without it nothing is renewed.
    """
    watched = shown.watched
    with cache.lock(f"presence-lock:{watched.handle}", timeout=LOCKED_SECONDS):  # type: ignore[attr-defined]
        if (cache.get(_last(watched)) or 0) >= shown.number:
            return
        cache.set(_last(watched), shown.number, timeout=ORDERED_SECONDS)
        overtaken = unlocks.remembered(watched.handle) != shown.memory
        if overtaken and seen is Seen.PRESENT:
            return
        if not overtaken:
            unlocks.remember(watched.handle, memory)
        open_still = _follow(watched, seen, alive)
    tell_unlock(watched.handle, values(seen, open_still, renewed=open_still and seen is Seen.PRESENT and alive))


def _follow(watched: Watched, seen: Seen, alive: bool) -> bool:
    """Renew, hold back or end the unlock; whether it is still there."""
    if not _may_go_on(watched):
        unlocks.end(watched.handle)
        return False
    if seen is Seen.PRESENT:
        cache.delete(_stranger(watched))
        return unlocks.renew(watched.handle) if alive else unlocks.resume(watched.handle)
    unlocks.pause(watched.handle)
    # A single frame may mistake the reader; a second one before the reader is seen again ends the unlock.
    if seen is Seen.OTHER_FACE and not cache.add(_stranger(watched), 1, timeout=unlocks.SECONDS):
        unlocks.end(watched.handle)
    return unlocks.live(watched.handle)


def _may_go_on(watched: Watched) -> bool:
    """Whether reader and message are as they were when it was opened."""
    person = Person.objects.select_related("user").filter(pk=watched.person_id).first()
    if person is None:
        return False
    try:
        return may_read(person) and still_readable(copy_of(person=person, message_id=watched.message_id), person)
    except CosmicError:
        return False


def values(seen: Seen, open_still: bool, *, renewed: bool) -> dict[str, object]:
    """What the page is told. ``seconds`` is how long it stays open from now on; None where that has not changed."""
    code = CODES.get(seen)
    return {
        "type": "presence",
        "seen": seen.value,
        "open": open_still,
        "message": SENTENCES[code] if code else "",
        "seconds": unlocks.SECONDS if renewed else None,
    }


def broken(error: CosmicError) -> dict[str, object]:
    """What the page is told when nobody can look."""
    return {"type": "failed", "code": error.code.value, "message": error.sentence}


def _last(watched: Watched) -> str:
    return f"presence-last:{watched.watcher}"


def _stranger(watched: Watched) -> str:
    return f"presence-stranger:{watched.handle}"
