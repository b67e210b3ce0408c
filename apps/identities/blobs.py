"""Sealed files: captures and samples. A name is all that the database keeps of one.

A file is never changed, only replaced as a whole or erased. Both lock it first, so that a replacement does not bring back
what was erased meanwhile. Readers need no lock: they get the old content or the new one.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from apps.identities import vault


def store(content: bytes, *, purpose: str) -> str:
    """Seal ``content`` and write it; returns its name. ``purpose`` is also the folder: ``captures``, ``samples``."""
    name = f"{purpose}/{uuid.uuid4().hex}"
    return storages["sealed"].save(name, ContentFile(vault.seal(content, purpose=purpose, bound_to=name)))


def load(name: str) -> bytes:
    """Read and open.

    Raises:
        FileNotFoundError: it was erased.
        apps.identities.vault.Unsealable: it was changed or moved.
    """
    with storages["sealed"].open(name) as file:
        return vault.unseal(file.read(), purpose=name.split("/")[0], bound_to=name)


def erase(name: str) -> None:
    """Delete; silent when it is gone already."""
    if not name:
        return
    path = _path(name)
    with _locked(path) as file:
        if file is not None:
            path.unlink()
            _draft(path).unlink(missing_ok=True)  # of a resealing that was killed


def erase_all(names: list[str]) -> None:
    for name in names:
        erase(name)


def names_in(folder: str) -> list[str]:
    """The names of all files in ``folder``, also of those whose row is not written yet."""
    return sorted(f"{folder}/{entry.name}" for entry in _entries(folder))


def ends_of(folder: str, count: int) -> list[str]:
    """The names of the ``count`` files in ``folder`` that were written first, and of the ``count`` written last."""
    written = []
    for entry in _entries(folder):
        with suppress(FileNotFoundError):
            written.append((entry.stat().st_mtime_ns, f"{folder}/{entry.name}"))
    written.sort()
    return [name for _, name in written[:count] + written[max(count, len(written) - count) :]]


def written_at(name: str) -> datetime:
    """When a file was written last; now for one that is gone."""
    try:
        return storages["sealed"].get_modified_time(name)
    except FileNotFoundError:
        return timezone.now()


def is_current(name: str) -> bool:
    """Whether a file is sealed under the first master key; a file that is gone is nobody's concern."""
    heading = _heading(name)
    return heading is None or vault.is_current(heading)


def is_foreign(name: str) -> bool:
    """Whether a file names a master key that is not configured here; one that is damaged or gone names none."""
    heading = _heading(name)
    return heading is not None and vault.is_foreign(heading)


def reseal(name: str) -> None:
    """Seal a file under the first master key, in its place; silent when it is gone.

    Raises:
        apps.identities.vault.Unsealable: it was changed or moved, and is left as it is.
    """
    path = _path(name)
    with _locked(path) as file:
        if file is None:
            return
        sealed = vault.reseal(file.read(), purpose=name.split("/")[0], bound_to=name)
        draft = _draft(path)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as written:
            written.write(sealed)
            written.flush()
            os.fsync(written.fileno())
        draft.replace(path)


def folder_of_all() -> Path:
    """Where all sealed files lie. It is made with the first of them."""
    return _path("")


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        found = os.scandir(_path(folder))
    except FileNotFoundError:
        return
    with found:
        yield from (entry for entry in found if not entry.name.startswith("."))


def _heading(name: str) -> bytes | None:
    try:
        with _path(name).open("rb") as file:
            return file.read(vault.HEADING_BYTES)
    except FileNotFoundError:
        return None


def _path(name: str) -> Path:
    return Path(storages["sealed"].path(name))


def _draft(path: Path) -> Path:
    """One name for each file: what a killed process left is written over, or erased with the file."""
    return path.with_name(f".{path.name}.resealed")


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """The file under a lock of the file system, so that nobody else replaces or erases it; None when it is gone."""
    while True:
        try:
            file = path.open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(path, file):
                yield file
                return


def _is_still(path: Path, file: BinaryIO) -> bool:
    """Whether the name still leads to the file that was locked, and not to one that has replaced it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
