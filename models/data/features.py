"""The feature file: what the networks saw in each sample, kept once, so that training needs no network and no Django.

One SQLite file. A sample is known by modality, data set, source and condition; the SHA-256 of its content and the
header's model hashes say of what it was made, so that a second run takes up where the first one ended, and a changed
picture or another model is never mixed in. What failed is kept in a table of its own, with the reason.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Names = NDArray[np.str_]

FACE, VOICE = "face", "voice"
CLEAN = "clean"
# The 218 values of the context, in their order: eGeMAPS and prosody are of the voice, the last 27 of the face.
EGEMAPS, PROSODY, FACE_CONTEXT = 88, 103, 27
VOICE_CONTEXT = EGEMAPS + PROSODY
CONTEXT = VOICE_CONTEXT + FACE_CONTEXT

SCHEMA = """
CREATE TABLE IF NOT EXISTS header (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    modality TEXT, dataset TEXT, source TEXT, condition TEXT, identity TEXT NOT NULL, session TEXT NOT NULL,
    sha256 TEXT NOT NULL, quality REAL NOT NULL, refused TEXT NOT NULL, embedding BLOB NOT NULL, context BLOB NOT NULL,
    PRIMARY KEY (modality, dataset, source, condition)
);
CREATE TABLE IF NOT EXISTS failures (
    modality TEXT, dataset TEXT, source TEXT, condition TEXT, identity TEXT NOT NULL, sha256 TEXT NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (modality, dataset, source, condition)
);
"""
COLUMNS = "dataset, source, condition, identity, session, quality, refused, embedding, context"


class FeaturesMismatch(ValueError):
    """A feature file was made by other models than those at hand."""


@dataclass(frozen=True, slots=True)
class Header:
    """Which models made the file, by name, hash and width, and the version of the context's definition."""

    pack: str
    face_model: str
    face_sha256: str
    face_width: int
    voice_model: str
    voice_sha256: str
    voice_width: int
    context_version: int = 1


@dataclass(frozen=True, slots=True)
class Key:
    """What a sample is known by, and the hash of the content that it was made of."""

    modality: str
    dataset: str
    source: str
    condition: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One extracted sample.

    Arguments:
        identity: the person within the data set.
        session: day, video or language where the data set says, else empty.
        quality: in [0, 1].
        refused: why a login would refuse it (a code of the quality check), empty where it would not.
        embedding: (width,) unit norm.
        context: VOICE_CONTEXT or FACE_CONTEXT values; NaN where they could not be measured.
    """

    key: Key
    identity: str
    session: str
    quality: float
    refused: str
    embedding: Array
    context: Array


@dataclass(frozen=True, slots=True)
class Failure:
    key: Key
    identity: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModalityFeatures:
    """n samples of one modality.

    Arguments:
        embeddings: (n, width) unit norm.
        context: (n, VOICE_CONTEXT or FACE_CONTEXT), NaN where not measured.
        quality: (n,) in [0, 1].
        identity: (n,) "data set/person".
        dataset, source, condition, session, refused: (n,).
    """

    embeddings: Array
    context: Array
    quality: Array
    identity: Names
    dataset: Names
    source: Names
    condition: Names
    session: Names
    refused: Names

    def __len__(self) -> int:
        return len(self.identity)

    @property
    def width(self) -> int:
        return int(self.embeddings.shape[1])


@dataclass(frozen=True, slots=True)
class Features:
    header: Header
    face: ModalityFeatures
    voice: ModalityFeatures

    def of(self, modality: str) -> ModalityFeatures:
        return self.face if modality == FACE else self.voice


class FeatureStore:
    """A feature file open for writing. Each ``add`` is durable, so that a killed run loses one sample at most."""

    def __init__(self, path: Path, header: Header) -> None:
        """Raises FeaturesMismatch when the file was made by other models."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=60, isolation_level=None)
        # Faces and voices may be extracted into one file by two processes.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.executescript(SCHEMA)
        stored = dict(self._database.execute("SELECT key, value FROM header"))
        wanted = {key: str(value) for key, value in dataclasses.asdict(header).items()}
        if stored and stored != wanted:
            changed = sorted(key for key in wanted if stored.get(key) != wanted[key])
            self._database.close()
            raise FeaturesMismatch(f"{path} was made with another {', '.join(changed)}; extract into a new file")
        self._database.executemany("INSERT OR IGNORE INTO header VALUES (?, ?)", wanted.items())

    def done(self) -> set[Key]:
        """Everything that need not be looked at again: extracted, or failed on the same content."""
        query = (
            "SELECT modality, dataset, source, condition, sha256 FROM samples "
            "UNION SELECT modality, dataset, source, condition, sha256 FROM failures"
        )
        return {Key(*row) for row in self._database.execute(query)}

    def add(self, sample: Sample) -> None:
        key = sample.key
        values = (
            *(key.modality, key.dataset, key.source, key.condition, sample.identity, sample.session, key.sha256),
            *(float(sample.quality), sample.refused, _blob(sample.embedding), _blob(sample.context)),
        )
        self._database.execute("BEGIN IMMEDIATE")
        self._forget("failures", key)
        self._database.execute(f"INSERT OR REPLACE INTO samples VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
        self._database.execute("COMMIT")

    def add_failure(self, failure: Failure) -> None:
        key = failure.key
        values = (key.modality, key.dataset, key.source, key.condition, failure.identity, key.sha256, failure.reason)
        self._database.execute("BEGIN IMMEDIATE")
        self._forget("samples", key)
        self._database.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        self._database.execute("COMMIT")

    def failures(self) -> list[Failure]:
        rows = self._database.execute(
            "SELECT modality, dataset, source, condition, sha256, identity, reason FROM failures ORDER BY 1, 2, 3, 4"
        )
        return [Failure(Key(*row[:5]), row[5], row[6]) for row in rows]

    def close(self) -> None:
        self._database.close()

    def _forget(self, table: str, key: Key) -> None:
        self._database.execute(
            f"DELETE FROM {table} WHERE modality = ? AND dataset = ? AND source = ? AND condition = ?",  # noqa: S608
            (key.modality, key.dataset, key.source, key.condition),
        )


def read(path: Path) -> Features:
    """Everything in a feature file, in a fixed order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no feature file, or holds values that are not numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        header = _header(dict(database.execute("SELECT key, value FROM header")))
        parts = [
            _modality(
                database.execute(
                    f"SELECT {COLUMNS} FROM samples WHERE modality = ? ORDER BY dataset, source, condition",  # noqa: S608
                    (modality,),
                ),
                width,
                context,
            )
            for modality, width, context in (
                (FACE, header.face_width, FACE_CONTEXT),
                (VOICE, header.voice_width, VOICE_CONTEXT),
            )
        ]
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path} is no feature file: {error}") from error
    finally:
        database.close()
    return Features(header, *parts)


def modality_features(samples: Iterable[Sample], width: int, context: int) -> ModalityFeatures:
    """Samples in memory as arrays; for loaders of features that others have extracted."""
    rows = (
        (
            *(one.key.dataset, one.key.source, one.key.condition, one.identity, one.session),
            *(one.quality, one.refused, _blob(one.embedding), _blob(one.context)),
        )
        for one in samples
    )
    return _modality(rows, width, context)


def _modality(rows: Iterable[tuple], width: int, context: int) -> ModalityFeatures:
    columns = list(zip(*rows, strict=True)) or [()] * 9
    dataset, source, condition, identity, session, quality, refused, embeddings, contexts = columns
    vectors = np.frombuffer(b"".join(embeddings), "<f4").reshape(-1, width)
    if not np.isfinite(vectors).all():
        raise ValueError("an embedding holds values that are not numbers")
    return ModalityFeatures(
        embeddings=vectors,
        context=np.frombuffer(b"".join(contexts), "<f4").reshape(-1, context),
        quality=np.array(quality, np.float32),
        identity=np.array([f"{one}/{person}" for one, person in zip(dataset, identity, strict=True)], np.str_),
        dataset=np.array(dataset, np.str_),
        source=np.array(source, np.str_),
        condition=np.array(condition, np.str_),
        session=np.array(session, np.str_),
        refused=np.array(refused, np.str_),
    )


def _header(stored: dict[str, str]) -> Header:
    values: dict[str, Any] = dict(stored)
    try:
        for field in dataclasses.fields(Header):
            if field.type == "int":
                values[field.name] = int(stored[field.name])
        return Header(**{field.name: values[field.name] for field in dataclasses.fields(Header)})
    except KeyError as error:
        raise ValueError(f"the header of the feature file lacks {error}") from error


def _blob(values: Array) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
