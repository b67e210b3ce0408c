"""Downloads of weights: resumed where they stopped, checked by hash, and put in place as a whole or not at all."""

from __future__ import annotations

import fcntl
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from models.errors import ModelMissing, WrongHash
from models.registry import BLOCK, ModelEntry, Places, sha256_of

TIMEOUT = httpx.Timeout(30.0, connect=15.0)
Progress = Callable[[int, int], None]  # bytes so far, bytes in all (0: not known)


class DownloadFailed(Exception):
    """The server did not give the file. What has come so far is kept, and the next try goes on from there."""


def fetch(entry: ModelEntry, places: Places, progress: Progress = lambda done, total: None) -> Path:
    """Download one model into ``places.downloads``.

    A source ``https://…/archive.zip#member`` names a member of a zip archive, which is kept until ``forget_archives``.

    Raises:
        ModelMissing: the manifest gives no address.
        DownloadFailed: the server is not reached, refuses, or sends too much.
        WrongHash: what came is another file; it is removed, and the error names both hashes.
    """
    if not entry.source:
        raise ModelMissing(entry.name, entry.note or "the manifest gives no address for it")
    places.downloads.mkdir(parents=True, exist_ok=True)
    target = places.downloads / entry.file
    url, _, member = entry.source.partition("#")
    with _alone(places.downloads):
        if member:
            archive = places.downloads / Path(httpx.URL(url).path).name
            if not archive.is_file():
                part = _part_of(archive)
                _download(url, part, 0, progress)
                part.replace(archive)
            draft = _part_of(target)
            _extract(archive, member, draft, entry)
            try:
                _put(draft, target, entry)
            except WrongHash:
                archive.unlink()
                raise
        else:
            _download_checked(url, target, entry, progress)
    return target


def forget_archives(places: Places) -> None:
    """Remove archives whose members were taken out."""
    for archive in places.downloads.glob("*.zip"):
        archive.unlink()


def _download_checked(url: str, target: Path, entry: ModelEntry, progress: Progress) -> None:
    part = _part_of(target)
    resumed = part.is_file() and part.stat().st_size > 0
    _download(url, part, entry.size, progress)
    try:
        _put(part, target, entry)
    except WrongHash:
        if not resumed:
            raise
        # The beginning may come from another version of the file: once more, from the start.
        _download(url, part, entry.size, progress)
        _put(part, target, entry)


def _download(url: str, part: Path, size: int, progress: Progress) -> None:
    """Append to ``part`` what is missing of it. ``size`` 0: not known beforehand."""
    have = part.stat().st_size if part.is_file() else 0
    if size and have > size:
        part.unlink()
        have = 0
    if size and have == size:
        return
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()
                raise DownloadFailed(f"{url}: the server has another file by now; try again")
            answer.raise_for_status()
            goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT and _starts_at(answer, have)
            have = have if goes_on else 0
            total = size or have + int(answer.headers.get("Content-Length", 0))
            with part.open("ab" if goes_on else "wb") as file:
                for block in answer.iter_raw():  # as it comes: what has arrived before a cut is kept
                    file.write(block)
                    have += len(block)
                    progress(have, total)
                    if size and have > size:
                        break
    except httpx.HTTPError as error:
        raise DownloadFailed(f"{url}: {error}") from error
    if size and have > size:
        part.unlink()
        raise DownloadFailed(f"{url}: more than the {size:,} bytes that the manifest names")
    if total and have < total:
        raise DownloadFailed(f"{url}: cut off after {have:,} of {total:,} bytes")


def _starts_at(answer: httpx.Response, have: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _extract(archive: Path, member: str, draft: Path, entry: ModelEntry) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if name == member or name.endswith(f"/{member}")]
            if not names:
                raise ModelMissing(entry.name, f"{archive.name} holds no {member}")
            with opened.open(names[0]) as source, draft.open("wb") as file:
                while block := source.read(BLOCK):
                    file.write(block)
    except zipfile.BadZipFile as error:
        archive.unlink()
        raise DownloadFailed(f"{archive.name} is not a whole zip archive; it was removed, try again") from error


def _put(draft: Path, target: Path, entry: ModelEntry) -> None:
    found = sha256_of(draft)
    if found != entry.sha256:
        draft.unlink()
        raise WrongHash(target, expected=entry.sha256, found=found)
    draft.replace(target)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two downloads into one folder would write into each other's half files."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
