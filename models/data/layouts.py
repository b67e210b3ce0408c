"""How labelled recordings lie on the disk: a folder a person, and the tree of MAV-Celeb (Saeed et al., ICIP 2021)."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import TypeVar

import soundfile

from models.data.features import FACE, VOICE

Item = TypeVar("Item")

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
SOUNDS = (".wav", ".flac", ".ogg")
SUFFIXES = {FACE: PICTURES, VOICE: SOUNDS}
SHORTEST_SECONDS = 3.0
MAVCELEB = "mavceleb"
MAVCELEB_FOLDERS = {FACE: "faces", VOICE: "voices"}
MAVCELEB_LANGUAGES = {"english", "urdu", "hindi", "german"}


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One sample before it was looked at.

    Arguments:
        identity: the person within the data set.
        session: day, video or language where the tree says, else empty.
        paths: one picture, or the recordings that are joined in this order.
        source: the first path below the root of its data set, with ``/`` on every system.
    """

    modality: str
    dataset: str
    identity: str
    session: str
    paths: tuple[Path, ...]
    source: str


def people_folder(
    root: Path,
    modality: str,
    dataset: str,
    *,
    most: int | None = None,
    shortest_seconds: float = SHORTEST_SECONDS,
) -> list[SampleFile]:
    """Samples of ``root/<person>/<file>`` or ``root/<person>/<session>/<file>``.

    Arguments:
        most: samples of one person; taken from all sessions in turn and from the whole of each, since those of one
            session that follow each other are much alike.
        shortest_seconds: voices only. Shorter recordings of a session are joined in order until they last so long; a
            rest that never does is left out.

    Raises:
        ValueError: there is no such folder, or it holds nothing of this modality.
    """
    groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in _files(root, SUFFIXES[modality]):
        person, *between = path.relative_to(root).parts[:-1] or ("",)
        if not person or len(between) > 1:
            raise ValueError(f"{path} lies neither at <person>/<file> nor at <person>/<session>/<file> below {root}")
        groups[person, "".join(between)].append(path)
    if not groups:
        raise ValueError(f"{root} holds no {' or '.join(SUFFIXES[modality])} of anybody")
    return _samples(groups, root, modality, dataset, most, shortest_seconds)


def mavceleb(
    root: Path,
    *,
    modalities: Iterable[str] = (FACE, VOICE),
    most: int | None = None,
    shortest_seconds: float = SHORTEST_SECONDS,
) -> list[SampleFile]:
    """Samples of ``root/faces/<id>/<language>/<video>/<picture>`` and ``root/voices/<id>/<language>/<video>/<sound>``.

    The language may also come before the id. An identity is one person in both modalities; a session is
    ``<language>/<video>``. ``most`` and ``shortest_seconds`` as for ``people_folder``.

    Raises:
        ValueError: the tree is empty or another one.
    """
    found = []
    for modality in modalities:
        folder = root / MAVCELEB_FOLDERS[modality]
        groups: dict[tuple[str, str], list[Path]] = defaultdict(list)
        files = _files(folder, SUFFIXES[modality])
        language_first = bool(files) and {path.relative_to(folder).parts[0].lower() for path in files} <= (
            MAVCELEB_LANGUAGES
        )
        for path in files:
            parts = path.relative_to(folder).parts
            if len(parts) != 4:
                raise ValueError(f"{path} lies not at <id>/<language>/<video>/<file> below {folder}")
            person, language = parts[1::-1] if language_first else parts[:2]
            groups[person, f"{language}/{parts[2]}"].append(path)
        if not groups:
            raise ValueError(f"{folder} holds no {' or '.join(SUFFIXES[modality])}")
        found += _samples(groups, root, modality, MAVCELEB, most, shortest_seconds)
    return found


def of_people_with(files: list[SampleFile], least: int) -> tuple[list[SampleFile], int]:
    """The samples of people who have at least ``least`` of the same modality, and how many people were passed over."""
    counts = Counter((file.modality, file.dataset, file.identity) for file in files)
    kept = [file for file in files if counts[file.modality, file.dataset, file.identity] >= least]
    return kept, sum(count < least for count in counts.values())


def _files(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    if not root.is_dir():
        raise ValueError(f"there is no folder {root}")
    # A person's folder may be a link, which Path.rglob would not follow.
    found = (Path(folder) / name for folder, _, names in os.walk(root, followlinks=True) for name in names)
    return sorted(path for path in found if path.suffix.lower() in suffixes)


def _samples(
    groups: dict[tuple[str, str], list[Path]],
    root: Path,
    modality: str,
    dataset: str,
    most: int | None,
    shortest_seconds: float,
) -> list[SampleFile]:
    people: dict[str, list[list[SampleFile]]] = defaultdict(list)
    for (person, session), paths in sorted(groups.items()):
        pieces = zip(paths, strict=True) if modality == FACE else _joined(paths, shortest_seconds)
        people[person].append(
            [
                SampleFile(modality, dataset, person, session, piece, piece[0].relative_to(root).as_posix())
                for piece in pieces
            ]
        )
    return [sample for sessions in people.values() for sample in _chosen(sessions, most)]


def _chosen(sessions: list[list[SampleFile]], most: int | None) -> list[SampleFile]:
    if most is not None:
        shares = Counter(islice(_in_turn([[index] * len(session) for index, session in enumerate(sessions)]), most))
        sessions = [_spread(session, shares[index]) for index, session in enumerate(sessions)]
    return list(_in_turn(sessions))


def _spread(samples: list[SampleFile], count: int) -> list[SampleFile]:
    """``count`` of them from the whole of the list: recordings that follow each other are much alike."""
    return [samples[index * len(samples) // count] for index in range(count)]


def _joined(paths: list[Path], shortest_seconds: float) -> Iterator[tuple[Path, ...]]:
    waiting: list[Path] = []
    seconds = 0.0
    for path in paths:
        try:
            lasts = soundfile.info(path).duration
        except soundfile.LibsndfileError:
            # By itself: whoever decodes it says what is wrong, and its neighbours are not lost with it.
            yield (path,)
            continue
        waiting.append(path)
        seconds += lasts
        if seconds >= shortest_seconds:
            yield tuple(waiting)
            waiting, seconds = [], 0.0


def _in_turn(sessions: list[list[Item]]) -> Iterator[Item]:
    """The first of each, then the second of each, and so on."""
    for row in zip_longest(*sessions, fillvalue=None):
        yield from (item for item in row if item is not None)
