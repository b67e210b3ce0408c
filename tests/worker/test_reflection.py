"""Light from skin and background in pictures, and the challenges on a person made to move."""

from __future__ import annotations

import random

import numpy as np
import pytest

from models.liveness.challenges.blinks import check_blinks
from models.liveness.challenges.light import LightOutcome, check_light, draw_colours, linear_light
from models.liveness.challenges.turn import check_turn, head_yaw
from models.liveness.cues.blink import eye_aspect_ratio
from tests.moving import person_frames
from tests.people import portrait
from worker.engines.reflection import light_series
from worker.engines.types import Engines, Mesh

RATE, SECONDS = 12.0, 4.0


def meshes(engines: Engines, frames: list[np.ndarray]) -> list[Mesh | None]:
    found = []
    for frame in frames:
        faces = engines.detector.detect(frame)
        found.append(engines.landmarks.mesh(frame, faces[0]) if faces else None)
    return found


@pytest.fixture(scope="module")
def at_rest(engines: Engines) -> Mesh:
    (mesh,) = meshes(engines, [portrait("astronaut")])
    assert mesh is not None
    return mesh


def times(count: int) -> np.ndarray:
    return np.arange(count) / RATE


def test_light_on_the_skin_is_measured_in_linear_light(at_rest: Mesh):
    grey, brighter = np.full((480, 640, 3), 100, np.uint8), np.full((480, 640, 3), 150, np.uint8)

    skin, background = light_series([grey, brighter], [at_rest, at_rest])

    expected = linear_light(np.array([100, 150]))
    assert skin[:, 1] == pytest.approx(expected, rel=1e-6)
    assert background[:, 1] == pytest.approx(expected, rel=1e-6)


def test_skin_and_background_are_told_apart(at_rest: Mesh):
    frame = np.full((480, 640, 3), 60, np.uint8)
    left, right = at_rest[[234, 454], 0].astype(int)
    frame[:, left:right] = 180

    skin, background = light_series([frame], [at_rest])

    assert skin[0, 0] == pytest.approx(linear_light(np.array(180)), rel=1e-6)
    assert background[0, 0] == pytest.approx(linear_light(np.array(60)), rel=1e-6)


def test_a_frame_without_a_face_gives_no_light(at_rest: Mesh):
    frame = portrait("astronaut")

    skin, background = light_series([frame, frame], [at_rest, None])

    assert np.isfinite([skin[0], background[0]]).all()
    assert np.isnan([skin[1], background[1]]).all()


def test_a_head_that_fills_the_picture_leaves_no_background(at_rest: Mesh):
    large = at_rest.copy()
    large[:, :2] = (large[:, :2] - large[:, :2].mean(0)) * 4 + [320, 240]

    _, background = light_series([portrait("astronaut")], [large])

    assert np.isnan(background).all()


def test_one_mesh_a_frame_is_needed(at_rest: Mesh):
    with pytest.raises(ValueError, match="mesh"):
        light_series([portrait("astronaut")], [at_rest, at_rest])


def test_a_person_in_the_screens_light_is_seen_and_a_replay_is_not(engines: Engines, at_rest: Mesh):
    played, asked = (draw_colours(random.Random(seed), SECONDS) for seed in (3, 4))

    def screen(time: float) -> tuple[int, int, int]:
        return next((rgb for at, rgb in reversed(played) if time - 0.1 >= at), (255, 255, 255))

    frames = person_frames(portrait("astronaut"), at_rest, seconds=SECONDS, light=screen)
    skin, background = light_series(frames, meshes(engines, frames))

    own, other = (check_light(skin, background, times(48), c, ends=SECONDS) for c in (played, asked))

    assert own.outcome is LightOutcome.SEEN
    assert other.outcome is LightOutcome.NOT_SEEN


def test_a_person_turns_and_blinks_as_asked(engines: Engines, at_rest: Mesh):
    def yaw(time: float) -> float:
        return float(25 * np.interp(time, (0.5, 1.4, 1.9), (0, 1, 0)))

    def closed(time: float) -> float:
        return max(float(np.interp(time - start, (0, 0.08, 0.26, 0.36), (0, 1, 1, 0), right=0)) for start in (2.4, 3.2))

    frames = person_frames(portrait("astronaut"), at_rest, seconds=SECONDS, yaw=yaw, closed=closed)
    found = [mesh for mesh in meshes(engines, frames) if mesh is not None]
    yaws, ratios = np.array([head_yaw(m) for m in found]), np.array([eye_aspect_ratio(m) for m in found])

    assert len(found) == 48
    assert check_turn(yaws, times(48), "left", 0.0, 2.2).done
    assert not check_turn(yaws, times(48), "right", 0.0, 2.2).done
    assert check_blinks(ratios, times(48), 2, 2.0, 4.0).done


def test_a_moving_person_is_no_plane(at_rest: Mesh):
    import cv2

    from tests.moving import FACE, _anchors

    source, target = _anchors(at_rest.astype(np.float64), (480, 640), 20.0, 0.0, 0.0)
    plane, _ = cv2.findHomography(source[:FACE], target[:FACE, :2])
    bent = cv2.perspectiveTransform(source[None, :FACE], plane)[0]

    assert np.linalg.norm(bent - target[:FACE, :2], axis=1).max() > 5
