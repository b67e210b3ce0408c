"""The context of real faces and of speech: it follows what the head does, and says so where it could not be measured."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from models.data.face_context import FACE_CONTEXT_NAMES, face_context
from models.data.features import EGEMAPS, FACE_CONTEXT, VOICE_CONTEXT
from tests import media
from tests.people import portrait
from worker.engines.context import ContextEngine, egemaps_names
from worker.engines.types import Engines


@pytest.fixture(scope="module")
def context(engines: Engines) -> ContextEngine:
    return ContextEngine(engines.landmarks)


def measured(picture: media.Picture, engines: Engines, context: ContextEngine) -> dict[str, float]:
    values = context.face(picture, engines.detector.detect(picture)[0])
    assert values.shape == (FACE_CONTEXT,)
    assert np.isfinite(values).all()
    return dict(zip(FACE_CONTEXT_NAMES, values.tolist(), strict=True))


def turned(picture: media.Picture, degrees: float) -> media.Picture:
    """Clockwise about the middle."""
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    turn = cv2.getRotationMatrix2D(middle, -degrees, 1.0)
    return cv2.warpAffine(picture, turn, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def mesh_turned(mesh: np.ndarray, axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    rotation, _ = cv2.Rodrigues(np.radians(degrees) * np.array(axis))
    middle = mesh.mean(0)
    return (mesh - middle) @ rotation.T + middle


def test_every_value_has_a_name_of_its_own():
    assert len(FACE_CONTEXT_NAMES) == len(set(FACE_CONTEXT_NAMES)) == FACE_CONTEXT == 27
    assert sum(name.startswith("au") for name in FACE_CONTEXT_NAMES) == 17
    assert sum(name.startswith("gaze") for name in FACE_CONTEXT_NAMES) == 4


def test_a_mirrored_picture_turns_the_other_way(engines: Engines, context: ContextEngine):
    picture = portrait("guest")

    seen = measured(picture, engines, context)
    mirrored = measured(np.ascontiguousarray(picture[:, ::-1]), engines, context)

    assert abs(seen["yaw"]) > np.radians(2)
    assert mirrored["yaw"] == pytest.approx(-seen["yaw"], abs=np.radians(2))
    assert mirrored["roll"] == pytest.approx(-seen["roll"], abs=np.radians(2))
    assert mirrored["position_x"] == pytest.approx(-seen["position_x"], abs=0.01)
    assert mirrored["pitch"] == pytest.approx(seen["pitch"], abs=np.radians(3))


@pytest.mark.parametrize("degrees", [-10, 10])
def test_a_turned_picture_rolls_the_head(engines: Engines, context: ContextEngine, degrees: float):
    for name in ("astronaut", "guest"):
        before = measured(portrait(name), engines, context)
        after = measured(turned(portrait(name), degrees), engines, context)

        assert np.degrees(after["roll"] - before["roll"]) == pytest.approx(degrees, abs=2)
        assert after["au20_lip_stretch"] == pytest.approx(before["au20_lip_stretch"], rel=0.08)


def test_a_smaller_face_has_a_smaller_scale_and_the_same_expression(engines: Engines, context: ContextEngine):
    picture = portrait("astronaut")
    height, width = picture.shape[:2]
    framed = np.full_like(picture, 128)
    framed[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = cv2.resize(
        picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA
    )

    near, far = measured(picture, engines, context), measured(framed, engines, context)

    assert far["scale"] == pytest.approx(near["scale"] / 2, rel=0.05)
    for unit in [name for name in FACE_CONTEXT_NAMES if name.startswith("au")]:
        assert far[unit] == pytest.approx(near[unit], abs=0.06)


@pytest.mark.parametrize(
    ("axis", "name", "direction"),
    [((0, 1, 0), "yaw", -1), ((1, 0, 0), "pitch", -1), ((0, 0, 1), "roll", 1)],
    ids=["yaw", "pitch", "roll"],
)
def test_pose_follows_a_turn_of_the_mesh_and_expressions_do_not(
    engines: Engines, axis: tuple[float, float, float], name: str, direction: int
):
    picture = portrait("astronaut")
    mesh = engines.landmarks.mesh(picture, engines.detector.detect(picture)[0])

    before, after = (
        dict(zip(FACE_CONTEXT_NAMES, face_context(each, 640, 480).tolist(), strict=True))
        for each in (mesh, mesh_turned(mesh, axis, 15))
    )

    # By the right hand, with y down and z into the picture: the nose goes to the left about y, down about x.
    assert np.degrees(after[name] - before[name]) == pytest.approx(15 * direction, abs=1)
    for unit in FACE_CONTEXT_NAMES[:17]:
        assert after[unit] == pytest.approx(before[unit], abs=1e-3)


def test_an_open_mouth_and_a_look_aside_are_seen(engines: Engines):
    picture = portrait("guest")
    mesh = engines.landmarks.mesh(picture, engines.detector.detect(picture)[0]).astype(float)
    changed = mesh.copy()
    changed[[14, 17, 152], 1] += 12  # lower lip and chin
    changed[[468, 473], 0] += 4  # irises

    before, after = (
        dict(zip(FACE_CONTEXT_NAMES, face_context(each, 640, 480).tolist(), strict=True)) for each in (mesh, changed)
    )

    assert after["au25_lips_part"] > before["au25_lips_part"] + 0.08
    assert after["au26_jaw_drop"] > before["au26_jaw_drop"] + 0.08
    assert after["gaze_right_x"] > before["gaze_right_x"] + 0.1
    assert after["gaze_left_x"] > before["gaze_left_x"] + 0.1
    assert after["au01_inner_brow_raise_left"] == pytest.approx(before["au01_inner_brow_raise_left"], abs=1e-6)


def test_a_mesh_of_another_shape_or_without_extent_is_an_error():
    with pytest.raises(ValueError, match="shape"):
        face_context(np.zeros((468, 3)), 10, 10)
    with pytest.raises(ValueError, match="extent"):
        face_context(np.zeros((478, 3)), 10, 10)


def test_a_face_that_no_mesh_holds_on_to_has_no_context(engines: Engines, context: ContextEngine):
    face = engines.detector.detect(portrait("guest"))[0]

    values = context.face(np.full_like(portrait("guest"), 128), face)

    assert values.shape == (FACE_CONTEXT,) and np.isnan(values).all()


def test_speech_has_egemaps_and_prosody(engines: Engines, context: ContextEngine):
    pytest.importorskip("opensmile")
    low, high = (media.spoken("Nobody else can open this door.", pitch=pitch) for pitch in (20, 90))

    low_values, high_values = (context.voice(voice, engines.speech.segments(voice)) for voice in (low, high))

    assert context.measures_egemaps
    assert low_values.shape == (VOICE_CONTEXT,) and np.isfinite(low_values).all()
    semitones = egemaps_names().index("F0semitoneFrom27.5Hz_sma3nz_amean")
    assert high_values[semitones] > low_values[semitones] + 2
    assert high_values[EGEMAPS] > 1.15 * low_values[EGEMAPS]  # f0_mean, the first of prosody


def test_without_opensmile_its_values_are_not_measured_and_prosody_is(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "opensmile", None)  # as Python itself marks a module that is not there
    voice = media.spoken("Nobody else can open this door.")

    context = ContextEngine(engines.landmarks)
    values = context.voice(voice, engines.speech.segments(voice))

    assert not context.measures_egemaps
    assert np.isnan(values[:EGEMAPS]).all() and np.isfinite(values[EGEMAPS:]).all()
