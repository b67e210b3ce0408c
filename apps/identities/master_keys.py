"""The master keys: where they come from, and that a running process notices when their file has changed.

``COSMIC_MASTER_KEY`` (base64 of 32 bytes; several, separated by commas: the first seals, all open) goes before the key
file, which holds the same text and is made on first use. The environment of a process does not change; the file does,
by ``manage.py rotate_master_key``, and is read again without a restart.

While a rotation takes old keys out of the file, they lie in a second one beside it. Nothing opens with those; they are
there to be put back when the rotation is cut off.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from authsite.keys import KEY_BYTES, read_or_create_key

log = logging.getLogger(__name__)

ID_BYTES = 4
Mark = tuple[int, int, int] | None  # inode, time in ns and size of the key file; None: no file, or none is used


@dataclass(frozen=True, slots=True)
class MasterKey:
    """``id``: start of the SHA-256 of the key; every sealed value names the key that it was sealed with by it."""

    secret: bytes = field(repr=False)
    id: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", hashlib.sha256(self.secret).digest()[:ID_BYTES])


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process has read, and from where."""

    origin: tuple[str, Path]
    mark: Mark
    keys: tuple[MasterKey, ...]


_held: _Held | None = None


def configured() -> tuple[MasterKey, ...]:
    """The keys as they are configured now, the one that seals first.

    A key file that is lost or spoilt while the process runs leaves it the keys that it has read before.

    Raises:
        ImproperlyConfigured: the variable or the file holds anything else than keys.
    """
    global _held
    origin = _origin()
    mark = None if from_environment() else _mark(key_file())
    held = _held
    if held is None or held.origin != origin:
        text = settings.ENV.master_key or read_or_create_key(key_file())
        _held = held = _Held(origin, mark, parse(text))
    elif held.mark != mark:
        _held = held = _read_again(held, mark)
    return held.keys


def known() -> tuple[MasterKey, ...]:
    """The same for whoever only looks: no key file is made, and where it is missing there are none."""
    return configured() if from_environment() or key_file().exists() else ()


def find(key_id: bytes) -> MasterKey | None:
    """The key with this id. One that is not known yet may have come into the file since it was read."""
    held = _held
    if held is not None and held.origin == _origin():
        for key in held.keys:
            if key.id == key_id:
                return key
    return next((key for key in configured() if key.id == key_id), None)


def from_environment() -> bool:
    return bool(settings.ENV.master_key)


def key_file() -> Path:
    return settings.ENV.master_key_file


def dropped_file() -> Path:
    """The second file beside the key file, which is there only while, or because, a rotation did not end."""
    return key_file().with_name(f"{key_file().name}.dropped")


def source() -> str:
    """Where the keys come from, in words for an operator."""
    return "COSMIC_MASTER_KEY" if from_environment() else f"the key file {key_file()} (COSMIC_MASTER_KEY_FILE)"


def new_key() -> MasterKey:
    return MasterKey(secrets.token_bytes(KEY_BYTES))


def parse(text: str, *, place: str = "") -> tuple[MasterKey, ...]:
    """Raises ImproperlyConfigured, naming where the text is from: ``place``, or where the keys come from."""
    place = place or source()
    keys = []
    for part in text.split(","):
        try:
            secret = base64.b64decode(part.strip(), validate=True)
        except ValueError as error:  # no base64, or not even ASCII
            raise ImproperlyConfigured(f"{place} must hold base64 of {KEY_BYTES} bytes") from error
        if len(secret) != KEY_BYTES:
            raise ImproperlyConfigured(f"{place} must hold base64 of {KEY_BYTES} bytes, not of {len(secret)}")
        keys.append(MasterKey(secret))
    return tuple(keys)


def write(keys: tuple[MasterKey, ...]) -> None:
    """Replace the content of the key file. Whoever reads meanwhile gets the old or the new one, also after a power cut."""
    _write(key_file(), keys)


def keep_dropped(keys: Iterable[MasterKey]) -> None:
    """Write the keys that are about to leave the key file into the second file. On the disk when this returns."""
    _write(dropped_file(), keys)


def dropped() -> tuple[MasterKey, ...]:
    """What is in the second file; nothing where there is none.

    Raises:
        ImproperlyConfigured: it holds anything else than keys.
    """
    path = dropped_file()
    return parse(path.read_text().strip(), place=str(path)) if path.exists() else ()


def forget_dropped() -> None:
    """Remove the second file, also after a power cut."""
    dropped_file().unlink(missing_ok=True)
    _sync(dropped_file().parent)


def _write(path: Path, keys: Iterable[MasterKey]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(",".join(base64.b64encode(key.secret).decode() for key in keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _origin() -> tuple[str, Path]:
    return settings.ENV.master_key, settings.ENV.master_key_file


def _read_again(held: _Held, mark: Mark) -> _Held:
    try:
        if mark is None:
            raise FileNotFoundError(key_file())
        return replace(held, mark=mark, keys=parse(key_file().read_text().strip()))
    except (OSError, UnicodeDecodeError, ImproperlyConfigured) as error:
        log.error("the key file cannot be read any more, the keys read before stay in use: %s", error)
        return replace(held, mark=mark)


def _mark(path: Path) -> Mark:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
