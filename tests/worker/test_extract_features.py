"""``manage.py extract_features`` on a small tree of people: what it makes, what it passes over, how it goes on."""

from __future__ import annotations

import contextlib
import io
import shutil
import sqlite3
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from models.data.degrade import FACE_CONDITIONS, VOICE_CONDITIONS
from models.data.features import EGEMAPS, FACE, VOICE, Features, FeatureStore, read
from models.data.layouts import SampleFile, people_folder
from models.data.prosody import PROSODY_NAMES
from tests import media
from tests.captures import voice_of
from tests.people import portrait
from worker.cascade.embed import embed_sample
from worker.cascade.types import Modality
from worker.engines.context import ContextEngine
from worker.engines.types import Engines
from worker.extraction import Event, Extractor, Happened, conditions_of, header_of

PEOPLE = ("astronaut", "guest")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two pictures and two recordings each, and one person with a single picture."""
    root = tmp_path_factory.mktemp("tree")
    for name in PEOPLE:
        for kind in ("faces", "voices"):
            (root / kind / name).mkdir(parents=True)
        for index, picture in enumerate((portrait(name), np.ascontiguousarray(portrait(name)[:, ::-1]))):
            (root / "faces" / name / f"{index}.jpg").write_bytes(media.jpeg(picture))
            (root / "voices" / name / f"{index}.wav").write_bytes(voice_of(name, sentence=index))
    (root / "faces" / "seldom").mkdir()
    shutil.copy(root / "faces" / "guest" / "0.jpg", root / "faces" / "seldom")
    (root / "faces" / "guest" / "broken.jpg").write_bytes(b"\xff\xd8\xff no more than the start of a picture")
    (root / "faces" / "guest" / "wall.png").write_bytes(media.png(np.full((200, 200, 3), 128, np.uint8)))
    (root / "voices" / "guest" / "silent.wav").write_bytes(media.wav(np.zeros(4 * media.RATE, np.float32)))
    return root


@pytest.fixture(scope="module")
def extracted(tree: Path, tmp_path_factory: pytest.TempPathFactory, redis_server: None) -> tuple[Path, str]:
    """The feature file of the whole tree, and what the command said."""
    path = tmp_path_factory.mktemp("out") / "features.sqlite"
    return path, run(tree, path)


def run(tree: Path, out: Path, *more: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        call_command(
            "extract_features", f"--faces=lab={tree / 'faces'}", f"--voices={tree / 'voices'}", f"--out={out}", *more
        )
    return said.getvalue()


def files_of(tree: Path) -> list[SampleFile]:
    files = people_folder(tree / "faces", FACE, "lab") + people_folder(tree / "voices", VOICE, "voices")
    return [file for file in files if file.identity in PEOPLE]


def extract(engines: Engines, files: list[SampleFile], out: Path, *, stop_after: int | None = None) -> list[Event]:
    store = FeatureStore(out, header_of(engines))
    extractor = Extractor(engines, ContextEngine(engines.landmarks), store)
    events = islice(
        (
            event
            for file in files
            for event in extractor.extract(file, conditions_of(file.modality, clean_only=file.modality == VOICE))
        ),
        stop_after,
    )
    found = list(events)
    store.close()
    return found


def assert_same(one: Features, other: Features) -> None:
    assert one.header == other.header
    for modality in (FACE, VOICE):
        first, second = one.of(modality), other.of(modality)
        for names in ("identity", "source", "condition", "refused"):
            assert list(getattr(first, names)) == list(getattr(second, names))
        for numbers in ("embeddings", "context", "quality"):
            assert np.allclose(getattr(first, numbers), getattr(second, numbers), atol=1e-4, equal_nan=True)


def test_every_usable_sample_is_there_under_every_condition(extracted: tuple[Path, str]):
    features = read(extracted[0])

    assert set(features.face.identity) == {"lab/astronaut", "lab/guest"}
    assert set(features.voice.identity) == {"voices/astronaut", "voices/guest"}
    for found, conditions in ((features.face, FACE_CONDITIONS), (features.voice, VOICE_CONDITIONS)):
        clean = found.condition == "clean"
        assert clean.sum() == 4
        assert set(found.condition) == set(conditions)
        assert np.allclose(np.linalg.norm(found.embeddings, axis=1), 1, atol=1e-5)
        assert np.isfinite(found.context[clean]).any(axis=1).all()
    assert (features.header.face_width, features.header.voice_width) == (128, 256)


def test_a_clean_sample_is_embedded_as_an_enrolment_is(extracted: tuple[Path, str], tree: Path, engines: Engines):
    features = read(extracted[0])

    for found, source, modality in (
        (features.face, "astronaut/0.jpg", Modality.FACE),
        (features.voice, "astronaut/0.wav", Modality.VOICE),
    ):
        row = np.flatnonzero((found.source == source) & (found.condition == "clean"))
        expected = embed_sample(modality, (tree / f"{modality}s" / source).read_bytes(), engines)
        assert found.embeddings[row[0]] @ expected.vector == pytest.approx(1, abs=1e-4)
        assert found.quality[row[0]] == pytest.approx(expected.score, abs=1e-4)
        assert found.refused[row[0]] == ""


def test_degraded_samples_stay_nearer_to_their_own_person_and_lose_quality(extracted: tuple[Path, str]):
    face = read(extracted[0]).face
    astronaut = face.identity == "lab/astronaut"
    clean = face.condition == "clean"
    reference = face.embeddings[astronaut & (face.source == "astronaut/0.jpg") & clean][0]
    similar = face.embeddings @ reference

    assert similar[astronaut & ~clean].max() > similar[~astronaut].max()
    assert face.quality[~clean].mean() < face.quality[clean].mean()


def test_what_could_not_be_used_is_told_with_its_reason(extracted: tuple[Path, str], engines: Engines):
    path, said = extracted
    store = FeatureStore(path, header_of(engines))
    reasons = {(failure.key.source, failure.reason) for failure in store.failures() if failure.key.condition == "clean"}
    store.close()

    assert reasons == {
        ("guest/broken.jpg", "image_unreadable"),
        ("guest/wall.png", "no_face"),
        ("guest/silent.wav", "no_speech"),
    }
    assert "failed, image_unreadable: 4" in said
    assert "guest/broken.jpg clean: image_unreadable" in said
    assert "1 people had too few" in said


def test_a_second_run_does_nothing_new(extracted: tuple[Path, str], tree: Path):
    before = read(extracted[0])

    said = run(tree, extracted[0], "--failures")

    assert_same(before, read(extracted[0]))
    rows = [line.replace("│", " ").split() for line in said.splitlines() if line.startswith("│")]
    assert len(rows) == len(FACE_CONDITIONS) + len(VOICE_CONDITIONS)
    assert all(row[-3:-1] == ["0", "0"] and int(row[-1]) >= 5 for row in rows)
    assert "guest/broken.jpg clean: image_unreadable" in said  # asked for by --failures


def test_a_file_of_another_model_is_refused(extracted: tuple[Path, str], tree: Path, tmp_path: Path):
    altered = tmp_path / "other.sqlite"
    shutil.copy(extracted[0], altered)
    with sqlite3.connect(altered) as database:
        database.execute("UPDATE header SET value = 'another' WHERE key = 'voice_sha256'")
    database.close()

    with pytest.raises(CommandError, match="another voice_sha256"):
        run(tree, altered)


@pytest.fixture(scope="module")
def unbroken(tree: Path, engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unbroken") / "features.sqlite"
    extract(engines, files_of(tree), path)
    return path


@pytest.mark.parametrize("stopped", [6, 19])
def test_a_run_that_was_broken_off_goes_on_to_the_same_content(
    tree: Path, engines: Engines, unbroken: Path, tmp_path: Path, stopped: int
):
    files, path = files_of(tree), tmp_path / "broken.sqlite"

    extract(engines, files, path, stop_after=stopped)
    then = extract(engines, files, path)

    assert [event.happened is Happened.KNOWN for event in then].count(True) == stopped
    assert_same(read(unbroken), read(path))


def test_a_changed_picture_is_looked_at_again_and_only_it(tree: Path, engines: Engines, unbroken: Path, tmp_path: Path):
    copied, path = tmp_path / "tree", tmp_path / "features.sqlite"
    shutil.copytree(tree, copied)
    shutil.copy(unbroken, path)
    shutil.copy(copied / "faces" / "guest" / "0.jpg", copied / "faces" / "astronaut" / "1.jpg")

    events = extract(engines, files_of(copied), path)

    again = [event.key for event in events if event.happened is not Happened.KNOWN]
    assert {key.source for key in again} == {"astronaut/1.jpg"} and len(again) == len(FACE_CONDITIONS)
    face = read(path).face
    changed, same = (
        face.embeddings[(face.source == source) & (face.condition == "clean")][0]
        for source in ("astronaut/1.jpg", "guest/0.jpg")
    )
    assert changed @ same == pytest.approx(1, abs=1e-4)


def test_short_recordings_are_measured_as_one(engines: Engines, tmp_path: Path):
    folder = tmp_path / "voices" / "ada"
    folder.mkdir(parents=True)
    for index, word in enumerate(("harbour", "morning", "quiet boats")):
        (folder / f"{index}.wav").write_bytes(media.wav(media.spoken(word)))
    (file,) = people_folder(tmp_path / "voices", VOICE, "words", shortest_seconds=4.0)

    events = extract(engines, [file], tmp_path / "features.sqlite")

    assert len(file.paths) == 3
    assert [event.happened for event in events] == [Happened.EXTRACTED]
    voice = read(tmp_path / "features.sqlite").voice
    pauses = voice.context[0][EGEMAPS + PROSODY_NAMES.index("duration_pause_max")]
    assert pauses > 0.5  # each word begins and ends with half a second of silence


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --faces"),
        (["--faces", "nowhere"], "no folder nowhere"),
        (["--voices=lab={tree}/faces"], "holds no"),
        (["--mavceleb", "{tree}"], "lies not at"),
        (["--faces", "{tree}/faces", "a={tree}/faces", "a={tree}/faces"], "two folders of one name"),
        (["--faces", "{tree}/faces", "--only", "voice"], "give --faces"),
        (["--faces", "{tree}/faces", "--most", "0"], "--most"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_loaded(
    tree: Path, tmp_path: Path, arguments: list[str], words: str
):
    given = [argument.format(tree=tree) for argument in arguments]

    with pytest.raises(CommandError, match=words):
        call_command("extract_features", *given, f"--out={tmp_path / 'features.sqlite'}")

    assert not (tmp_path / "features.sqlite").exists()
