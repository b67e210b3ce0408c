"""The face gates as the cascade calls them, with the calibrations that ship, on real faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.gates import SHIPPED, Cue, GateCard, read_gate
from models.liveness.cues.picture import SMALLEST
from models.liveness.moved import flat_frames, hand_movement, head_frames
from models.registry import Places
from tests.people import portrait
from worker.engines.building import minifasnet
from worker.engines.crops import LARGEST, native_square
from worker.engines.detection import MediaPipeDetector
from worker.engines.face_pad import NETWORK, SURELY_FLAT, FlatnessGate, PictureGate
from worker.engines.gates import MiniFasNetPair
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.sessions import SessionOptions
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, Image, Mesh
from worker.training.face_pad_pictures import read

FRAMES = 24
TIMES = np.arange(FRAMES) / 12


class Certain:
    """A network that says what it is told."""

    name = "certain"

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def score(self, image: Image, face: DetectedFace) -> float:
        return self.probability


@pytest.fixture(scope="module")
def detector() -> MediaPipeDetector:
    return MediaPipeDetector()


@pytest.fixture(scope="module")
def landmarks() -> MediaPipeMesh:
    return MediaPipeMesh()


@pytest.fixture(scope="module")
def frame(detector: MediaPipeDetector) -> tuple[Image, DetectedFace]:
    picture = portrait("astronaut")
    return picture, detector.detect(picture)[0]


def meshes(frames: list[Image], detector: MediaPipeDetector, landmarks: MediaPipeMesh) -> list[Mesh | None]:
    found = [(frame, detector.detect(frame)) for frame in frames]
    return [landmarks.mesh(frame, faces[0]) if faces else None for frame, faces in found]


def card(*names: str) -> GateCard:
    cues = tuple(Cue(name, 0.0, 1.0, 1.0) for name in names)
    return GateCard("made_up", cues, 0.0, 0.5, 0.01, ("nowhere",), "2026-11-24", "")


@pytest.mark.parametrize("name", ["face_picture", "face_picture_minifasnet", "face_flat"])
def test_the_calibrations_that_ship_can_be_read_and_say_what_they_are_worth(name: str):
    found = read_gate(SHIPPED / f"{name}.json")

    assert found.name == name
    assert found.measured
    assert all(cue.scale > 0 for cue in found.cues)


def test_a_reading_holds_every_cue_and_the_median_over_frames(frame: tuple[Image, DetectedFace]):
    image, face = frame
    dark = (image * 0.5).astype(np.uint8)
    gate = PictureGate(read_gate(SHIPPED / "face_picture.json"), None)

    reading = gate.judge([(image, face), (image, face), (dark, face)])

    assert reading == gate.judge([(image, face)])
    assert reading.gate == "face_picture"
    assert {cue.name for cue in read_gate(SHIPPED / "face_picture.json").cues} <= set(reading.cues)


def test_the_networks_word_is_one_of_the_cues(frame: tuple[Image, DetectedFace]):
    live, attack = (PictureGate(card(NETWORK), Certain(p)).judge([frame]) for p in (1.0, 0.0))

    assert live.passed
    assert not attack.passed
    assert np.isfinite([live.llr, attack.llr]).all()


def test_a_network_that_says_no_number_passes_nobody(frame: tuple[Image, DetectedFace]):
    gate = PictureGate(card(NETWORK), Certain(float("nan")))

    with pytest.raises(ValueError, match="no number"):
        gate.judge([frame])


def test_a_gate_made_with_a_network_does_not_start_without_it():
    with pytest.raises(ValueError, match="not at hand"):
        PictureGate(card(NETWORK), None)


def test_no_frames_are_no_pass():
    with pytest.raises(ValueError, match="no frames"):
        PictureGate(card("moire_peak"), None).judge([])


def test_a_face_too_small_to_measure_is_no_pass(frame: tuple[Image, DetectedFace]):
    image, face = frame
    scale = (SMALLEST - 4) / square_around(face)[2]
    small = cv2.resize(image, None, fx=scale, fy=scale)
    there = replace(face, points=face.points * scale)

    with pytest.raises(ValueError, match="at least"):
        PictureGate(card("moire_peak"), None).judge([(small, there)])


def test_the_square_keeps_the_cameras_pixels_and_is_filled_at_the_edge(frame: tuple[Image, DetectedFace]):
    image, face = frame
    outside = replace(face, points=face.points - face.points.min(0) - 20)

    square = native_square(image, face)
    left, top, side, _ = square_around(face)

    assert square.shape == (round(side), round(side), 3)
    assert np.array_equal(square, image[round(top) : round(top) + round(side), round(left) : round(left) + round(side)])
    assert native_square(image, outside).shape == square.shape
    assert native_square(image, face, largest=64).shape == (64, 64, 3)
    assert side <= LARGEST


@pytest.mark.parametrize("seed", [1, 2])
def test_a_photograph_moved_by_hand_never_passes_for_a_head(
    seed: int, detector: MediaPipeDetector, landmarks: MediaPipeMesh
):
    frames = list(flat_frames([portrait("astronaut")], hand_movement(seed, tilt=25, frames=FRAMES), seed))

    reading = FlatnessGate(read_gate(SHIPPED / "face_flat.json")).judge(meshes(frames, detector, landmarks), TIMES)

    assert reading is None or not reading.passed


def test_a_head_that_turns_leaves_more_than_its_photograph(
    frame: tuple[Image, DetectedFace], detector: MediaPipeDetector, landmarks: MediaPipeMesh
):
    image, face = frame
    mesh = landmarks.mesh(image, face)
    assert mesh is not None
    frames = list(head_frames(image, mesh, hand_movement(2, tilt=25, frames=FRAMES), 2))

    reading = FlatnessGate(read_gate(SHIPPED / "face_flat.json")).judge(meshes(frames, detector, landmarks), TIMES)

    assert reading is not None
    assert reading.passed


def test_a_picture_that_does_not_move_is_not_called_deep(frame: tuple[Image, DetectedFace], landmarks: MediaPipeMesh):
    mesh = landmarks.mesh(*frame)

    assert FlatnessGate(read_gate(SHIPPED / "face_flat.json")).judge([mesh] * FRAMES, TIMES) is None


def test_between_flat_and_deep_the_gate_does_not_tell(detector: MediaPipeDetector, landmarks: MediaPipeMesh):
    frames = list(flat_frames([portrait("astronaut")], hand_movement(3, tilt=25, frames=FRAMES), 3))
    found = meshes(frames, detector, landmarks)
    shipped = read_gate(SHIPPED / "face_flat.json")
    flat, unsure = (
        FlatnessGate(GateCard("made_up", (Cue("turn", 0, 1, 0),), offset, 1.0, 0.01, (), "", ""))
        for offset in (SURELY_FLAT - 0.1, SURELY_FLAT + 0.1)
    )

    assert shipped.threshold > SURELY_FLAT
    assert flat.judge(found, TIMES) is None or not flat.judge(found, TIMES).passed
    assert unsure.judge(found, TIMES) is None


@pytest.mark.shared
def test_with_minifasnet_real_prints_are_refused_and_people_are_not(
    shared: Path, detector: MediaPipeDetector, tmp_path: Path
):
    places = Places(models_dir=shared / "models", state_dir=tmp_path)
    network = MiniFasNetPair(minifasnet(places), SessionOptions())
    gate = PictureGate(read_gate(SHIPPED / "face_picture_minifasnet.json"), network)
    right = []
    for kind, live in (("bona_fide", True), ("print", False)):
        for subject in sorted((shared / "data" / "pad" / "nuaa" / kind).iterdir()):
            frames = [read(path) for path in sorted(subject.iterdir())[:45:15]]
            right.append(gate.judge([(image, detector.detect(image)[0]) for image in frames]).passed == live)

    assert np.mean(right) > 0.8
