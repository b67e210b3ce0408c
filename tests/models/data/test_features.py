"""The feature file: what went in comes out, a second run takes up where the first ended, nothing is mixed."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from models.data.features import (
    FACE,
    FACE_CONTEXT,
    VOICE,
    VOICE_CONTEXT,
    Failure,
    FeaturesMismatch,
    FeatureStore,
    Header,
    Key,
    Sample,
    modality_features,
    read,
)

HEADER = Header("edgeface", "edgeface_xs", "aa", 6, "resemblyzer", "bb", 4)


def key(source: str = "ada/1", *, modality: str = FACE, condition: str = "clean", sha256: str = "00") -> Key:
    return Key(modality, "set", source, condition, sha256)


def sample(of: Key, *, seed: int = 0, identity: str = "ada") -> Sample:
    random = np.random.default_rng(seed)
    width, context = (6, FACE_CONTEXT) if of.modality == FACE else (4, VOICE_CONTEXT)
    vector = random.normal(size=width)
    values = random.normal(size=context)
    values[::5] = np.nan
    unit = vector / np.linalg.norm(vector)
    return Sample(of, identity, "monday", 0.25, "face_blurred", unit.astype(np.float32), values.astype(np.float32))


def write(path: Path, *entries: Sample | Failure, header: Header = HEADER) -> None:
    store = FeatureStore(path, header)
    for entry in entries:
        store.add(entry) if isinstance(entry, Sample) else store.add_failure(entry)
    store.close()


def test_what_went_in_comes_out(tmp_path: Path):
    face, voice = sample(key()), sample(key(modality=VOICE), seed=1)

    write(tmp_path / "f.sqlite", face, voice)
    features = read(tmp_path / "f.sqlite")

    assert features.header == HEADER
    assert np.array_equal(features.face.embeddings, face.embedding[None])
    assert np.array_equal(features.voice.context, voice.context[None], equal_nan=True)
    assert features.of(VOICE).embeddings.shape == (1, 4)
    assert list(features.face.identity) == ["set/ada"]
    assert (features.face.quality[0], features.face.refused[0]) == (np.float32(0.25), "face_blurred")
    assert (features.face.source[0], features.face.session[0]) == ("ada/1", "monday")


def test_an_empty_file_has_widths_but_no_samples(tmp_path: Path):
    write(tmp_path / "f.sqlite")

    features = read(tmp_path / "f.sqlite")

    assert features.face.embeddings.shape == (0, 6)
    assert features.voice.context.shape == (0, VOICE_CONTEXT)


def test_the_order_does_not_depend_on_the_order_of_writing(tmp_path: Path):
    entries = [sample(key(f"p/{index}"), seed=index) for index in range(5)]

    write(tmp_path / "one.sqlite", *entries)
    write(tmp_path / "two.sqlite", *reversed(entries))

    one, two = read(tmp_path / "one.sqlite").face, read(tmp_path / "two.sqlite").face
    assert list(one.source) == list(two.source) == [f"p/{index}" for index in range(5)]
    assert np.array_equal(one.embeddings, two.embeddings)


def test_a_second_run_knows_what_was_done_and_what_failed(tmp_path: Path):
    write(tmp_path / "f.sqlite", sample(key()), Failure(key("ada/2"), "ada", "no_face"))

    store = FeatureStore(tmp_path / "f.sqlite", HEADER)

    assert store.done() == {key(), key("ada/2")}
    assert key(sha256="11") not in store.done()
    assert store.failures() == [Failure(key("ada/2"), "ada", "no_face")]
    store.close()


def test_changed_content_replaces_what_was_made_of_the_old(tmp_path: Path):
    write(tmp_path / "f.sqlite", sample(key(), seed=1))
    changed = sample(key(sha256="11"), seed=2)

    write(tmp_path / "f.sqlite", changed)

    features = read(tmp_path / "f.sqlite")
    assert np.array_equal(features.face.embeddings, changed.embedding[None])


@pytest.mark.parametrize("fails_first", [True, False])
def test_a_sample_is_either_extracted_or_failed(tmp_path: Path, fails_first: bool):
    entries = [Failure(key(), "ada", "no_face"), sample(key(sha256="11"))]

    write(tmp_path / "f.sqlite", *(entries if fails_first else reversed(entries)))

    store = FeatureStore(tmp_path / "f.sqlite", HEADER)
    assert len(store.failures()) == (0 if fails_first else 1)
    assert len(store.done()) == 1
    store.close()
    assert len(read(tmp_path / "f.sqlite").face) == (1 if fails_first else 0)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Header)])
def test_a_file_of_other_models_is_not_written_to(tmp_path: Path, field: str):
    write(tmp_path / "f.sqlite", sample(key()))
    other = dataclasses.replace(HEADER, **{field: 7 if isinstance(getattr(HEADER, field), int) else "other"})

    with pytest.raises(FeaturesMismatch, match=field):
        FeatureStore(tmp_path / "f.sqlite", other)

    assert read(tmp_path / "f.sqlite").header == HEADER


def test_what_was_added_is_there_although_the_run_never_ended(tmp_path: Path):
    store = FeatureStore(tmp_path / "f.sqlite", HEADER)

    store.add(sample(key()))

    assert len(read(tmp_path / "f.sqlite").face) == 1
    store.close()


def test_two_runs_write_into_one_file(tmp_path: Path):
    faces, voices = (FeatureStore(tmp_path / "f.sqlite", HEADER) for _ in range(2))

    for index in range(3):
        faces.add(sample(key(f"a/{index}")))
        voices.add(sample(key(f"a/{index}", modality=VOICE)))
    faces.close()
    voices.close()

    features = read(tmp_path / "f.sqlite")
    assert (len(features.face), len(features.voice)) == (3, 3)


def test_embeddings_that_are_no_numbers_are_told(tmp_path: Path):
    broken = dataclasses.replace(sample(key()), embedding=np.full(6, np.nan, np.float32))
    write(tmp_path / "f.sqlite", broken)

    with pytest.raises(ValueError, match="not numbers"):
        read(tmp_path / "f.sqlite")


def test_other_files_are_no_feature_files(tmp_path: Path):
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE header (key TEXT, value TEXT)")
    (tmp_path / "text.sqlite").write_text("neither a database nor anything else that could be read")

    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere.sqlite")
    with pytest.raises(ValueError, match="header of the feature file lacks"):
        read(tmp_path / "empty.sqlite")
    with pytest.raises(ValueError, match="no feature file"):
        read(tmp_path / "text.sqlite")


def test_samples_in_memory_become_the_same_arrays(tmp_path: Path):
    entries = [sample(key(f"p/{index}"), seed=index) for index in range(3)]
    write(tmp_path / "f.sqlite", *entries)

    in_memory, stored = modality_features(entries, 6, FACE_CONTEXT), read(tmp_path / "f.sqlite").face

    assert np.array_equal(in_memory.embeddings, stored.embeddings)
    assert list(in_memory.identity) == list(stored.identity)
