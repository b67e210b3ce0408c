"""Features that others have extracted: the challenge's CSV files and trials, archives of arrays, and ``load``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data.features import FACE, FACE_CONTEXT, VOICE_CONTEXT, FeatureStore, Header
from models.data.load import load
from models.data.mavceleb import Trial, read_preextracted, read_trials
from models.data.preextracted import read_npz

FACES, VOICES = np.random.default_rng(0).normal(size=(4, 7)), np.random.default_rng(1).normal(size=(4, 3))
LABELS = ["12", "12", "5", "9"]


def csv(path: Path, rows: np.ndarray, labels: list[str] | None) -> Path:
    lines = [",".join(map(repr, map(float, row))) for row in rows]
    if labels is not None:
        lines = [f"{line},{label}" for line, label in zip(lines, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_pair_of_training_files_are_true_pairs_of_people(tmp_path: Path):
    faces = csv(tmp_path / "faces.csv", FACES, [f"{label}.0" for label in LABELS])
    voices = csv(tmp_path / "voices.csv", VOICES, LABELS)

    features = read_preextracted(faces, voices)

    assert np.allclose(features.face.embeddings, FACES / np.linalg.norm(FACES, axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(np.linalg.norm(features.voice.embeddings, axis=1), 1.0, atol=1e-6)
    assert list(features.face.identity) == list(features.voice.identity) == [f"mavceleb/{label}" for label in LABELS]
    assert (features.header.face_width, features.header.voice_width) == (7, 3)
    assert features.header.face_model == "preextracted"
    assert features.face.context.shape == (4, FACE_CONTEXT) and np.isnan(features.face.context).all()
    assert features.voice.context.shape == (4, VOICE_CONTEXT) and np.isnan(features.voice.context).all()
    assert (features.of(FACE).quality == 1).all() and set(features.face.condition) == {"clean"}


def test_labels_may_come_from_elsewhere(tmp_path: Path):
    faces, voices = csv(tmp_path / "f.csv", FACES, None), csv(tmp_path / "v.csv", VOICES, None)

    features = read_preextracted(faces, voices, dataset="test", labels=[3, 1, 4, 1])

    assert features.face.width == 7
    assert list(features.voice.identity) == ["test/3", "test/1", "test/4", "test/1"]


def test_rows_that_do_not_belong_together_are_told(tmp_path: Path):
    faces = csv(tmp_path / "faces.csv", FACES, LABELS)

    with pytest.raises(ValueError, match="4 faces, 3 voices"):
        read_preextracted(faces, csv(tmp_path / "short.csv", VOICES[:3], LABELS[:3]))
    with pytest.raises(ValueError, match="different people in row 2"):
        read_preextracted(faces, csv(tmp_path / "other.csv", VOICES, ["12", "12", "6", "9"]))
    with pytest.raises(ValueError, match="no direction"):
        read_preextracted(faces, csv(tmp_path / "nothing.csv", 0 * VOICES, LABELS))
    (tmp_path / "words.csv").write_text("a,b,1\n")
    with pytest.raises(ValueError, match=r"words\.csv"):
        read_preextracted(faces, tmp_path / "words.csv")


def test_trials_with_and_without_the_truth(tmp_path: Path):
    path = tmp_path / "English_test.txt"
    path.write_text(
        "ysuvkz41 voices/English/00000.wav faces/English/00000.jpg\n"
        "\n"
        "tog3zj45 1 voices/English/00001.wav faces/English/00001.jpg\n"
        "ky5xfj1d 0 voices/English/00002.wav faces/English/00002.jpg\n"
    )

    hidden, genuine, impostor = read_trials(path)

    assert hidden == Trial("ysuvkz41", "voices/English/00000.wav", "faces/English/00000.jpg", None)
    assert genuine.genuine is True and genuine.face == "faces/English/00001.jpg"
    assert impostor.genuine is False


@pytest.mark.parametrize("text", ["", "only two\n", "key 2 voice face\n", "a 1 b c d\n"])
def test_lines_that_are_no_trials_are_told(tmp_path: Path, text: str):
    path = tmp_path / "trials.txt"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"trials\.txt"):
        read_trials(path)


def test_an_archive_of_arrays(tmp_path: Path):
    path = tmp_path / "mine.npz"
    np.savez(path, face=FACES, face_identity=np.array([1, 1, 2, 3]), voice=VOICES[:2], voice_identity=["1", "3"])

    features = read_npz(path)

    assert list(features.face.identity) == ["mine/1", "mine/1", "mine/2", "mine/3"]
    assert list(features.voice.identity) == ["mine/1", "mine/3"]
    assert features.voice.width == 3


def test_an_archive_that_could_run_code_or_lacks_an_array_is_refused(tmp_path: Path):
    np.savez(
        tmp_path / "objects.npz", face=np.array([object()]), face_identity=[1], voice=VOICES, voice_identity=LABELS
    )
    np.savez(tmp_path / "half.npz", face=FACES, face_identity=LABELS)
    np.save(tmp_path / "array.npy", FACES)
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")

    for name, words in {"objects": "plain arrays", "half": "voice", "array": "no archive"}.items():
        with pytest.raises(ValueError, match=words):
            read_npz(tmp_path / f"{name}.npz")


def test_load_takes_whatever_holds_features(tmp_path: Path):
    FeatureStore(tmp_path / "a.sqlite", Header("p", "f", "0", 4, "v", "1", 2)).close()
    np.savez(tmp_path / "b.npz", face=FACES, face_identity=LABELS, voice=VOICES, voice_identity=LABELS)
    folder = tmp_path / "English"
    folder.mkdir()
    csv(folder / "English_faces_train.csv", FACES, LABELS)
    csv(folder / "English_voices_train.csv", VOICES, LABELS)
    csv(folder / "English_faces_test.csv", FACES, None)

    assert len(load(tmp_path / "a.sqlite").face) == 0
    assert len(load(tmp_path / "b.npz").face) == 4
    assert len(load(folder).voice) == 4


def test_load_says_what_it_would_take(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "broken.sqlite").write_text("this is not a database, although it is long enough to be looked at")

    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere.sqlite")
    with pytest.raises(ValueError, match="no feature file"):
        load(tmp_path / "notes.txt")
    with pytest.raises(ValueError, match="no feature file"):
        load(tmp_path / "broken.sqlite")
    with pytest.raises(ValueError, match="one CSV file of faces by name; there is none"):
        load(tmp_path)
