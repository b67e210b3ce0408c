"""The gate over lips and voice: a mouth that goes with its voice passes, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.errors import ModelMissing
from models.gates import SHIPPED, Cue, GateCard, read_gate
from models.lips.light_asd import export
from models.registry import Places
from tests.models.lips.light_asd_weights import made_up_state
from tests.models.lips.talking import meshes, mouth, picture_times, spoken, voice
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.lips import NETWORK_CUES, LightAsdScores, LipSyncGate, light_asd_network
from worker.engines.sessions import SessionOptions
from worker.engines.types import DetectedFace, GateReading

OPTIONS = SessionOptions(threads=1)
TIMES = picture_times()
FIVE = np.array([[290, 220], [350, 220], [320, 250], [300, 270], [340, 270]], np.float32)
FACE = DetectedFace(box=(260.0, 180.0, 120.0, 120.0), points=FIVE, score=1.0)
FRAMES = [np.random.default_rng(index).integers(0, 255, (480, 640, 3), np.uint8) for index in range(len(TIMES))]
FACES = [FACE] * len(TIMES)


@pytest.fixture(scope="module")
def card() -> GateCard:
    """The gate that comes with COSMIC."""
    return read_gate(SHIPPED / "lips.json")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of made-up weights, exported as the real one is."""
    folder = tmp_path_factory.mktemp("lips")
    torch.save(made_up_state(), folder / "weights.model")
    export(folder / "weights.model", folder / "network.onnx")
    return folder / "network.onnx"


def reading(card: GateCard, openings: np.ndarray, late: float = 0.0, network: Path | None = None) -> GateReading:
    gate = LipSyncGate(card, network, OPTIONS)
    return gate.judge(FRAMES, FACES, meshes(openings), TIMES, voice(late=late), spoken(late))


@pytest.mark.parametrize("late", [-0.3, 0.0, 0.3])
def test_a_mouth_with_its_own_voice_passes_though_clocks_differ(card: GateCard, late: float):
    found = reading(card, mouth(TIMES), late)

    assert found.gate == "lips"
    assert found.passed


def test_pictures_may_begin_before_the_sound(card: GateCard, network: Path):
    gate = LipSyncGate(card, network, OPTIONS)
    later = 0.4
    speech = [(start - later, end - later) for start, end in spoken()]

    found = gate.judge(FRAMES, FACES, meshes(mouth(TIMES)), TIMES - later, voice()[round(later * 16_000) :], speech)

    assert found.passed
    assert found.cues["lag"] == pytest.approx(0.0, abs=0.07)


@pytest.mark.parametrize("opening", [0.0, 0.02, 0.3])
def test_a_mouth_that_stands_still_while_a_voice_plays_is_refused(card: GateCard, opening: float):
    assert not reading(card, np.full(len(TIMES), opening)).passed


@pytest.mark.parametrize("late", [-0.65, 0.65])
def test_a_voice_of_another_moment_is_refused(card: GateCard, late: float):
    assert not reading(card, mouth(TIMES), late).passed


def test_silence_is_no_ground_to_judge_on(card: GateCard):
    gate = LipSyncGate(card, None, OPTIONS)

    with pytest.raises(ValueError, match="speech"):
        gate.judge(FRAMES, FACES, meshes(mouth(TIMES)), TIMES, np.zeros(64_000, np.float32), [])


def test_faces_without_meshes_are_no_ground_to_judge_on(card: GateCard):
    gate = LipSyncGate(card, None, OPTIONS)

    with pytest.raises(ValueError, match="found in only"):
        gate.judge(FRAMES, FACES, [None] * len(TIMES), TIMES, voice(), spoken())


def test_lists_of_unequal_length_are_refused(card: GateCard):
    gate = LipSyncGate(card, None, OPTIONS)

    with pytest.raises(ValueError, match="every picture"):
        gate.judge(FRAMES[1:], FACES, meshes(mouth(TIMES)), TIMES, voice(), spoken())


def test_a_card_that_wants_the_network_does_not_do_without(card: GateCard):
    wanting = replace(card, cues=(*card.cues, Cue(NETWORK_CUES[0], 0.0, 1.0, 1.0)))

    with pytest.raises(ValueError, match="Light-ASD"):
        LipSyncGate(wanting, None, OPTIONS)


def test_what_the_network_says_is_among_the_cues(card: GateCard, network: Path):
    found = reading(card, mouth(TIMES), network=network)

    assert set(NETWORK_CUES) | {"network_lag", "level", "lag"} <= set(found.cues)
    assert all(np.isfinite(value) for value in found.cues.values())


def test_weights_that_are_not_at_hand_are_missed_by_name(tmp_path: Path):
    with pytest.raises(ModelMissing, match="light_asd"):
        light_asd_network(Places(models_dir=None, state_dir=tmp_path))


@pytest.mark.shared
def test_light_asd_tells_a_talking_face_from_a_frozen_one(shared: Path, tmp_path: Path):
    export(shared / "models" / "light_asd" / "pretrain_AVA_CVPR.model", tmp_path / "network.onnx")
    network = LightAsdScores(tmp_path / "network.onnx", OPTIONS)
    frames = film(shared / "data" / "talking_faces" / "grid" / "pwij3p.mpg")[::2]
    times = np.arange(len(frames)) / 12.5
    face = five_points(frames[0])
    span = [(0.5, 2.2)]
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000) * (1 + np.sin(np.arange(48_000) / 16_000 * 25))

    talking = network.cues(frames, [face] * len(frames), times, noise.astype(np.float32), span)
    frozen = network.cues([frames[15]] * len(frames), [face] * len(frames), times, noise.astype(np.float32), span)

    assert frozen["network"] < 0
    assert talking["network"] > frozen["network"] + 1


def film(path: Path) -> list[np.ndarray]:
    opened, found = cv2.VideoCapture(str(path)), []
    while (got := opened.read())[0]:
        found.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    return found


def five_points(frame: np.ndarray) -> DetectedFace:
    mesh = MediaPipeMesh().mesh(frame)
    assert mesh is not None
    points = np.stack([mesh[[33, 133]].mean(0), mesh[[362, 263]].mean(0), mesh[4], mesh[61], mesh[291]])[:, :2]
    return DetectedFace(box=(0.0, 0.0, 1.0, 1.0), points=points.astype(np.float32), score=1.0)
