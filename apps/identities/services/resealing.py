"""What is sealed under the master key, kind by kind, and how it is sealed anew under the first one.

Each app registers its kinds when it is loaded. A kind never overwrites what somebody else writes at the same time: it
compares and sets, and comes round again to what it did not get.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.db.models.functions import Length, Substr

from apps.identities import blobs, vault

BATCH = 100  # values sealed anew in one transaction: a few milliseconds
PAUSE = 0.005  # seconds between two batches, in which others get to write
MOST_ROUNDS = 20
ENDS = 20  # of the oldest and of the newest files of a folder, which a start looks at
HEADING = "heading_now"

Progress = Callable[[str, int, int], None]  # name of the kind, how many are done, of how many


@dataclass(frozen=True, slots=True)
class Sealed:
    """One kind of sealed values.

    Arguments:
        name: what it is called to operators.
        pending: the ids of all values that are sealed under another key than the first.
        reseal: seals those with these ids anew, in one short transaction; what was changed or deleted meanwhile is left
            alone. Gives the ids of those that do not open.
        foreign: whether there is a value that names a key that is not configured. Cheap, for it is asked at every start.
            A damaged value that names no key does not count.
        last: sealed anew after all others, because other processes go by it.
    """

    name: str
    pending: Callable[[], Sequence[Any]]
    reseal: Callable[[Sequence[Any]], list[Any]]
    foreign: Callable[[], bool]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Resealed:
    """``done``: how many were sealed anew, by kind. ``closed``: ids of what does not open and was left, by kind."""

    done: dict[str, int]
    closed: dict[str, list[str]]


class StillSealedByOthers(Exception):
    """Some process goes on sealing under an old key."""


_kinds: dict[str, Sealed] = {}


def register(kind: Sealed) -> None:
    """From an app's ``ready``. A second kind of the same name takes the place of the first."""
    _kinds[kind.name] = kind


def kinds() -> list[Sealed]:
    """All of them, in the order in which they are sealed anew."""
    return sorted(_kinds.values(), key=lambda kind: kind.last)


def sealed_rows(
    *,
    name: str,
    rows: Callable[[], models.QuerySet[Any]],
    field: str,
    purpose: str,
    place: Callable[[Any], str],
    last: bool = False,
) -> Sealed:
    """A kind that lies in a binary column.

    Arguments:
        rows: the rows, with whatever ``place`` reads of them. An empty value is none.
        place: what a row's value is bound to; may raise ``Unsealable`` where nobody can say.
    """

    def with_headings() -> models.QuerySet[Any]:
        start = Substr(field, 1, vault.HEADING_BYTES, output_field=models.BinaryField())
        return rows().annotate(**{HEADING: start})

    def pending() -> list[Any]:
        others = with_headings().exclude(**{HEADING: vault.heading_now()})
        return list(others.exclude(**{field: None}).exclude(**{field: b""}).order_by("pk").values_list("pk", flat=True))

    def reseal(pks: Sequence[Any]) -> list[Any]:
        changes, closed = [], []
        for row in rows().filter(pk__in=pks):
            before = bytes(getattr(row, field) or b"")
            if not before or vault.is_current(before):
                continue
            try:
                changes.append((row.pk, before, vault.reseal(before, purpose=purpose, bound_to=place(row))))
            except vault.Unsealable:
                closed.append(row.pk)
        replace_unchanged(rows().model, field, changes)
        return closed

    def foreign() -> bool:
        version = Substr(field, 1, len(vault.VERSION), output_field=models.BinaryField())
        whole = (
            with_headings()
            .alias(heading_version=version, heading_bytes=Length(HEADING))
            .filter(heading_version=vault.VERSION, heading_bytes=vault.HEADING_BYTES)
        )
        return whole.exclude(**{f"{HEADING}__in": vault.headings_known()}).exists()

    return Sealed(name, pending, reseal, foreign, last)


def replace_unchanged(model: type[models.Model], field: str, changes: Iterable[tuple[Any, Any, Any]]) -> None:
    """Write (pk, before, after) where the column still holds ``before``."""
    with transaction.atomic():
        for pk, before, after in changes:
            model._base_manager.filter(pk=pk, **{field: before}).update(**{field: after})


def sealed_files(*, name: str, folder: str) -> Sealed:
    """A kind that lies in a folder of the sealed storage, also files whose row is not written yet."""

    def pending() -> list[str]:
        return [name for name in blobs.names_in(folder) if not blobs.is_current(name)]

    def reseal(names: Sequence[str]) -> list[str]:
        closed = []
        for name in names:
            try:
                blobs.reseal(name)
            except vault.Unsealable:
                closed.append(name)
        return closed

    def foreign() -> bool:
        return any(map(blobs.is_foreign, blobs.ends_of(folder, ENDS)))

    return Sealed(name, pending, reseal, foreign)


def reseal_all(progress: Progress) -> Resealed:
    """Seal everything anew that is under another key than the first, until nothing is left but what does not open.

    Raises:
        StillSealedByOthers: new values under an old key keep coming.
    """
    result = Resealed({}, {})
    for _ in range(MOST_ROUNDS):
        found = {kind: [pk for pk in kind.pending() if str(pk) not in _closed(result, kind)] for kind in kinds()}
        if not any(found.values()):
            return result
        for kind, pks in found.items():
            _reseal_kind(kind, pks, progress, result)
    raise StillSealedByOthers


def left() -> dict[str, int]:
    """How many values are under another key than the first, by kind; kinds without any are absent."""
    counts = {kind.name: len(kind.pending()) for kind in kinds()}
    return {name: count for name, count in counts.items() if count}


def _reseal_kind(kind: Sealed, pks: Sequence[Any], progress: Progress, result: Resealed) -> None:
    for start in range(0, len(pks), BATCH):
        batch = pks[start : start + BATCH]
        closed = kind.reseal(batch)
        if closed:
            result.closed.setdefault(kind.name, []).extend(str(pk) for pk in closed)
        result.done[kind.name] = result.done.get(kind.name, 0) + len(batch) - len(closed)
        progress(kind.name, start + len(batch), len(pks))
        time.sleep(PAUSE)


def _closed(result: Resealed, kind: Sealed) -> list[str]:
    return result.closed.get(kind.name, [])
