"""Rotation of the master key while everything runs.

With a key file: a new key goes first in it, which running processes notice at the next value that they seal; all that is
sealed under the old key is sealed anew; and, if wanted, the old key leaves the file. Each step may be cut off: as long as
the file holds more than one key, or a second file the old one, the next call goes on with the rotation under way.

With keys from the environment only the second step is done here; the others are rolling restarts (decision 0010).
"""

from __future__ import annotations

import fcntl
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apps.audit.services.record import record_event
from apps.identities import blobs, master_keys
from apps.identities.master_keys import MasterKey
from apps.identities.services.key_check import check_root_secret
from apps.identities.services.resealing import Progress, Resealed, StillSealedByOthers, left, reseal_all


class RotationRefused(Exception):
    """Why a rotation cannot begin or end, in words for whoever typed the command."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """How a rotation ended. Keys by their hexadecimal ids; ``left_closed``: ids of what does not open, by kind."""

    key: str
    old: list[str]
    resealed: dict[str, int]
    left_closed: dict[str, list[str]]
    dropped: bool


def rotate_master_key(*, drop_old: bool, settle: float, actor_id: object, progress: Progress) -> Rotation:
    """Seal everything under a new key (key file), or under the first key (environment).

    Arguments:
        drop_old: take the old keys out of the key file at the end, when nothing is left that needs them.
        settle: seconds since the new key came into the file before an old one may go, so that whoever began to write
            under the old one has ended.

    Raises:
        RotationRefused: another one is running, the old keys cannot be dropped yet, or from here, or web and worker
            run as another user.
        ImproperlyConfigured: the configured keys are wrong.
    """
    if drop_old and master_keys.from_environment():
        raise RotationRefused("The keys come from COSMIC_MASTER_KEY: take the old one out there, and restart.")
    _refuse_other_users()
    with _only_rotation():
        _put_back_dropped()
        check_root_secret()  # and no more: values under a key that is not here are named at the end
        if not master_keys.from_environment() and len(master_keys.configured()) == 1:
            master_keys.write((master_keys.new_key(), *master_keys.configured()))
        first, *old = master_keys.configured()
        names = {"key": first.id.hex(), "old": [key.id.hex() for key in old]}
        record_event(action="key.rotation.started", actor_id=actor_id, details=dict(names))
        result = _reseal(progress)
        dropped = bool(drop_old and old and not result.closed)
        if dropped:
            _wait(settle)
            result = _together(result, _reseal(progress))
            dropped = not result.closed and _drop(first, old)
        record_event(
            action="key.rotation.finished",
            actor_id=actor_id,
            result="incomplete" if result.closed or (drop_old and old and not dropped) else "complete",
            details={
                **names,
                "resealed": result.done,
                "dropped": dropped,
                "left": sum(map(len, result.closed.values())),
            },
        )
        return Rotation(first.id.hex(), [key.id.hex() for key in old], result.done, result.closed, dropped)


def _reseal(progress: Progress) -> Resealed:
    try:
        return reseal_all(progress)
    except StillSealedByOthers as error:
        raise RotationRefused(
            f"Something still seals under an old key: restart every process that does not yet have {_first()} first."
        ) from error


def _wait(settle: float) -> None:
    written = master_keys.key_file().stat().st_mtime
    time.sleep(max(0.0, written + settle - time.time()))


def _drop(first: MasterKey, old: list[MasterKey]) -> bool:
    """Leave the first key alone in the file.

    False, and all keys are back, when a value came under an old one after all; they are back too when something cuts in.
    What cannot be caught leaves the old keys in the second file, for the next call.
    """
    os.sync()  # a power cut must not bring back values under a key that is gone
    master_keys.keep_dropped(old)
    emptied = False
    try:
        master_keys.write((first,))
        emptied = not left()
    finally:
        if not emptied:
            master_keys.write((first, *old))
        master_keys.forget_dropped()
    return emptied


def _put_back_dropped() -> None:
    """Take up a drop that was killed: some value may have come under a key that only the second file holds now."""
    if master_keys.from_environment() or not master_keys.key_file().exists():
        return
    dropped = master_keys.dropped()
    if dropped:
        here = master_keys.configured()
        master_keys.write((*here, *(key for key in dropped if key not in here)))
        master_keys.forget_dropped()


def _refuse_other_users() -> None:
    """What a rotation writes belongs to whoever calls it; web and worker could not read the key file and samples then."""
    key_file = [] if master_keys.from_environment() else [master_keys.key_file()]
    for place in [*key_file, blobs.folder_of_all()]:
        try:
            owner = place.stat().st_uid
        except FileNotFoundError:
            continue
        except OSError as error:  # in a folder that is closed to this user
            raise RotationRefused(f"{error}: call this as the user that web and worker run as.") from error
        if owner != os.geteuid():
            raise RotationRefused(
                f"{place} belongs to {_user(owner)}, and {_user(os.geteuid())} would take it away from the processes that "
                f"use it: call this as {_user(owner)}."
            )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in a container that has no such user
        return f"user {uid}"


def _together(one: Resealed, other: Resealed) -> Resealed:
    done = {name: one.done.get(name, 0) + other.done.get(name, 0) for name in one.done | other.done}
    return Resealed(done, other.closed)


def _first() -> str:
    return master_keys.configured()[0].id.hex()


@contextmanager
def _only_rotation() -> Iterator[None]:
    """One rotation at a time changes the key file. Under keys from the environment two do each other no harm."""
    if master_keys.from_environment():
        yield
        return
    master_keys.key_file().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(master_keys.key_file().parent, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RotationRefused("Another rotation is running.") from error
        yield
    finally:
        os.close(folder)
