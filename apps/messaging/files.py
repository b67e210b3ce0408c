"""Attachments: their kind by their content, their name made harmless, their bytes sealed piece by piece.

Sealed with libsodium's secretstream (XChaCha20-Poly1305): pieces cannot be changed, left out, repeated or put in another
order, and a file that ends early is known by its missing last tag
(https://doc.libsodium.org/secret-key_cryptography/secretstream).

On disk: the stream's header (24 bytes), then pieces of ``PIECE`` bytes and 17 more each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath
from typing import Protocol

import filetype
from django.core.files.base import File
from nacl import bindings
from nacl.exceptions import CryptoError

from apps.errors import CosmicError, ErrorCode
from apps.identities.vault import Unsealable

PIECE = 256 * 1024
SNIFFED = 8192  # bytes that tell a file's kind
LONGEST_NAME = 200  # bytes; file systems take 255
DEVICES = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{one}{number}" for one in ("COM", "LPT") for number in range(10)),
}  # Windows'
TEXT = "text/plain"
# What may be attached: kind by content, and the endings that go with it. Nothing here runs when it is opened.
ENDINGS: dict[str, tuple[str, ...]] = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
    "application/zip": (".zip",),
    "audio/x-wav": (".wav",),
    "audio/x-flac": (".flac",),
    "audio/mpeg": (".mp3",),
    "audio/ogg": (".ogg",),
    "video/mp4": (".mp4",),
    "video/webm": (".webm",),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (".docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": (".pptx",),
    TEXT: (".txt", ".md", ".csv", ".log", ".json"),
}


class Readable(Protocol):
    """An opened file, in bytes."""

    def read(self, size: int = ..., /) -> bytes: ...


def kind_of(start: bytes) -> str:
    """The kind of a file by its first bytes; what a client calls it does not count.

    Raises:
        CosmicError: ``attachment_kind`` (415) for what may not be attached, ``empty_file``.
    """
    if not start:
        raise CosmicError(ErrorCode.EMPTY_FILE)
    guessed = filetype.guess(start)
    kind = guessed.mime if guessed else (TEXT if _is_text(start) else "")
    if kind not in ENDINGS:
        raise CosmicError(ErrorCode.ATTACHMENT_KIND, status=415)
    return kind


def harmless_name(name: str, kind: str) -> str:
    """The last part of a path without control characters, direction marks and leading dots, with an ending that goes
    with its kind: a page called photo.jpg does not open as one."""
    last = PureWindowsPath(PurePosixPath(unicodedata.normalize("NFC", name)).name).name
    kept = "".join(letter for letter in last if unicodedata.category(letter)[0] not in "CZ" or letter == " ")
    kept = "".join("_" if letter in '<>:"/\\|?*' else letter for letter in kept).strip(". ")
    stem, dot, ending = kept.rpartition(".")
    if f"{dot}{ending}".lower() not in ENDINGS[kind] or not stem:
        stem, ending = kept, ENDINGS[kind][0].removeprefix(".")
    if stem.partition(".")[0].upper() in DEVICES:
        stem = f"_{stem}"
    cut = stem.encode()[: LONGEST_NAME - len(ending) - 1].decode(errors="ignore").rstrip(". ")
    return f"{cut or 'file'}.{ending}"


class SealedContent(File):
    """What a storage writes for an attachment: sealed while it is read, so that no second copy of it is made."""

    def __init__(self, plain: Readable, key: bytes, *, place: str) -> None:
        super().__init__(None)
        self._plain = plain
        self._key = key
        self._place = place.encode()

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        state = bindings.crypto_secretstream_xchacha20poly1305_state()
        yield bindings.crypto_secretstream_xchacha20poly1305_init_push(state, self._key)
        piece = self._plain.read(PIECE)
        while True:
            following = self._plain.read(PIECE)
            tag = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
            if not following:
                tag = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL
            yield bindings.crypto_secretstream_xchacha20poly1305_push(state, piece, self._place, tag)
            if not following:
                return
            piece = following

    def __bool__(self) -> bool:
        return True


def opened(sealed: Readable, key: bytes, *, place: str) -> Iterator[bytes]:
    """The plain file, piece by piece; no piece is given before it is known to be genuine.

    Raises:
        Unsealable: another key or place, a changed piece, or an end that is none.
    """
    state = bindings.crypto_secretstream_xchacha20poly1305_state()
    header = sealed.read(bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES)
    try:
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(state, header, key)
        while piece := sealed.read(PIECE + bindings.crypto_secretstream_xchacha20poly1305_ABYTES):
            plain, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(state, piece, place.encode())
            yield plain
            if tag == bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL:
                if sealed.read(1):
                    raise Unsealable("goes on after its end")
                return
    except (CryptoError, ValueError, RuntimeError) as error:
        raise Unsealable("changed or moved since it was sealed") from error
    raise Unsealable("cut off")


def _is_text(start: bytes) -> bool:
    """UTF-8 without control characters; a letter may be cut off at the end of what was read."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if len(start) < SNIFFED or error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return not any(unicodedata.category(letter) == "Cc" and letter not in "\t\n\r\f" for letter in text)
