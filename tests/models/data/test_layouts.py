"""Trees of files to samples: who, which session, what is joined, and trees that are something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.data.features import FACE, VOICE
from models.data.layouts import mavceleb, of_people_with, people_folder


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture is not opened for its layout")


def recording(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(seconds * 16_000), np.float32), 16_000)


def test_a_folder_a_person(tmp_path: Path):
    for name in ("ada/2.jpg", "ada/1.PNG", "bo/1.webp", "bo/notes.txt"):
        picture(tmp_path / name)

    found = people_folder(tmp_path, FACE, "lfw")

    assert [(file.identity, file.session, file.source) for file in found] == [
        ("ada", "", "ada/1.PNG"),
        ("ada", "", "ada/2.jpg"),
        ("bo", "", "bo/1.webp"),
    ]
    assert found[0].paths == (tmp_path / "ada" / "1.PNG",)
    assert {(file.modality, file.dataset) for file in found} == {(FACE, "lfw")}


def test_a_folder_between_person_and_file_is_the_session_and_all_sessions_are_taken_in_turn(tmp_path: Path):
    for name in ("ada/monday/1.jpg", "ada/monday/2.jpg", "ada/monday/3.jpg", "ada/tuesday/1.jpg"):
        picture(tmp_path / name)

    found = people_folder(tmp_path, FACE, "set", most=3)

    assert [(file.session, file.paths[0].name) for file in found] == [
        ("monday", "1.jpg"),
        ("tuesday", "1.jpg"),
        ("monday", "2.jpg"),
    ]
    assert len({file.source for file in people_folder(tmp_path, FACE, "set")}) == 4


def test_few_of_many_come_from_all_sessions_and_the_whole_of_each(tmp_path: Path):
    for session in ("monday", "tuesday"):
        for index in range(6):
            picture(tmp_path / "ada" / session / f"{index}.jpg")

    found = people_folder(tmp_path, FACE, "set", most=4)

    assert [(file.session, file.paths[0].stem) for file in found] == [
        ("monday", "0"),
        ("tuesday", "0"),
        ("monday", "3"),
        ("tuesday", "3"),
    ]


def test_a_person_may_be_a_link(tmp_path: Path):
    picture(tmp_path / "elsewhere" / "1.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "ada").symlink_to(tmp_path / "elsewhere", target_is_directory=True)

    assert [file.identity for file in people_folder(tmp_path / "root", FACE, "set")] == ["ada"]


def test_short_recordings_are_joined_in_order_until_they_last(tmp_path: Path):
    for name, seconds in {"a/1": 1.5, "a/2": 1.6, "a/3": 4.0, "a/4": 1.0, "a/5": 1.0}.items():
        recording(tmp_path / f"{name}.wav", seconds)

    found = people_folder(tmp_path, VOICE, "words", shortest_seconds=3.0)

    assert [[path.stem for path in file.paths] for file in found] == [["1", "2"], ["3"]]
    assert [file.source for file in found] == ["a/1.wav", "a/3.wav"]


def test_recordings_of_two_sessions_are_never_joined(tmp_path: Path):
    for name in ("a/x/1", "a/x/2", "a/y/1", "a/y/2"):
        recording(tmp_path / f"{name}.wav", 2.0)

    found = people_folder(tmp_path, VOICE, "words")

    assert [[path.parent.name for path in file.paths] for file in found] == [["x", "x"], ["y", "y"]]


def test_a_recording_that_cannot_be_opened_stands_alone(tmp_path: Path):
    recording(tmp_path / "a" / "1.wav", 2.0)
    (tmp_path / "a" / "2.wav").write_bytes(b"no sound")
    recording(tmp_path / "a" / "3.wav", 2.0)

    found = people_folder(tmp_path, VOICE, "words")

    assert sorted([path.stem for path in file.paths] for file in found) == [["1", "3"], ["2"]]


def test_people_with_too_few_samples_are_passed_over_and_counted(tmp_path: Path):
    for name in ("ada/1.jpg", "ada/2.jpg", "bo/1.jpg", "cy/1.jpg"):
        picture(tmp_path / name)

    kept, passed_over = of_people_with(people_folder(tmp_path, FACE, "set"), 2)

    assert {file.identity for file in kept} == {"ada"}
    assert passed_over == 2


@pytest.mark.parametrize("order", ["{id}/{language}", "{language}/{id}"])
def test_mavceleb_gives_one_person_two_modalities(tmp_path: Path, order: str):
    for language in ("English", "Urdu"):
        between = order.format(id="id0007", language=language)
        picture(tmp_path / "faces" / between / "clip1" / "0001.jpg")
        recording(tmp_path / "voices" / between / "clip1" / "0001.flac", 4.0)

    found = mavceleb(tmp_path)

    assert {(file.modality, file.dataset, file.identity, file.session) for file in found} == {
        (modality, "mavceleb", "id0007", f"{language}/clip1")
        for modality in (FACE, VOICE)
        for language in ("English", "Urdu")
    }
    assert len({(file.modality, file.source) for file in found}) == 4


def test_of_mavceleb_one_modality_is_enough_where_one_is_wanted(tmp_path: Path):
    picture(tmp_path / "faces" / "id1" / "English" / "v" / "1.jpg")

    assert len(mavceleb(tmp_path, modalities=[FACE])) == 1
    with pytest.raises(ValueError, match=r"no folder .*voices"):
        mavceleb(tmp_path)


def test_trees_that_are_something_else_are_told(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    picture(tmp_path / "deep" / "a" / "b" / "c" / "1.jpg")
    picture(tmp_path / "flat" / "1.jpg")
    picture(tmp_path / "mav" / "faces" / "id1" / "English" / "1.jpg")

    with pytest.raises(ValueError, match="holds no"):
        people_folder(tmp_path / "empty", FACE, "x")
    with pytest.raises(ValueError, match="no folder"):
        people_folder(tmp_path / "nowhere", FACE, "x")
    with pytest.raises(ValueError, match="<person>/<session>/<file>"):
        people_folder(tmp_path / "deep", FACE, "x")
    with pytest.raises(ValueError, match="<person>/<file>"):
        people_folder(tmp_path / "flat", FACE, "x")
    with pytest.raises(ValueError, match="<id>/<language>/<video>/<file>"):
        mavceleb(tmp_path / "mav", modalities=[FACE])
