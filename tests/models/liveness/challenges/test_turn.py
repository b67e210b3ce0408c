"""Turning the head: the angle of a mean head, and what counts as turned."""

from __future__ import annotations

import numpy as np
import pytest

from models.liveness.challenges.turn import HEAD, INDICES, POINTS, check_turn, head_yaw

TIMES = np.arange(48) / 12


def head(yaw: float, *, pitch: float = 0.0, roll: float = 0.0, size: float = 120.0) -> np.ndarray:
    """A mesh of the mean head; the yaw turns the nose, which lies towards the camera, to the right of the picture."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    mesh = np.zeros((POINTS, 3), np.float32)
    mesh[INDICES] = size * HEAD @ (tilt @ turn @ nod).T + [320, 240, 0]
    return mesh


def turned(angle: float, *, rest: float = 0.0) -> np.ndarray:
    return rest + angle * np.interp(TIMES, (0.8, 1.8, 2.6, 3.4), (0, 1, 1, 0))


@pytest.mark.parametrize("yaw", [-40, -20, 0, 15, 40])
@pytest.mark.parametrize("pitch", [-15, 0, 15])
def test_the_angle_is_that_of_the_head(yaw: float, pitch: float):
    assert head_yaw(head(yaw, pitch=pitch)) == pytest.approx(yaw, abs=0.01)


def test_the_angle_does_not_depend_on_distance():
    assert head_yaw(head(20, size=40)) == pytest.approx(head_yaw(head(20, size=200)), abs=0.01)


def test_the_nose_goes_to_the_right_of_the_picture_when_the_person_turns_left():
    nose, temples = 4, (234, 454)
    mesh = head(20)

    assert mesh[nose, 0] > mesh[list(temples), 0].mean()
    assert head_yaw(mesh) > 0


@pytest.mark.parametrize("mesh", [np.zeros((POINTS, 3)), np.full((POINTS, 3), np.nan), np.zeros((68, 3))])
def test_a_mesh_that_is_none_is_refused(mesh: np.ndarray):
    with pytest.raises(ValueError, match="mesh"):
        head_yaw(mesh)


@pytest.mark.parametrize(("side", "angle"), [("left", 25), ("right", -25)])
def test_a_turn_to_the_named_side_is_done(side: str, angle: float):
    found = check_turn(turned(angle), TIMES, side, 0.4, 4.0)

    assert found.done
    assert found.largest == pytest.approx(25, abs=0.5)
    assert 1.2 < found.at < 2.0


@pytest.mark.parametrize(("side", "angle"), [("left", -25), ("right", 25), ("left", 11), ("left", 0)])
def test_another_turn_is_not(side: str, angle: float):
    found = check_turn(turned(angle), TIMES, side, 0.4, 4.0)

    assert not found.done
    assert found.at is None


def test_looking_to_both_sides_is_no_answer():
    yaws = np.interp(TIMES, (0.8, 1.4, 2.0, 2.6), (0, -25, 25, 0))

    found = check_turn(yaws, TIMES, "left", 0.4, 4.0)

    assert not found.done
    assert found.other_way > 15


def test_a_camera_off_to_the_side_does_not_matter():
    assert check_turn(turned(25, rest=-9), TIMES, "left", 0.4, 4.0).done


def test_a_head_that_was_turned_all_along_is_not_done():
    assert not check_turn(np.full(48, 25.0), TIMES, "left", 0.4, 4.0).done


def test_a_head_that_begins_far_from_frontal_is_not_done():
    assert not check_turn(turned(25, rest=-30), TIMES, "left", 0.4, 4.0).done


def test_a_turn_outside_the_window_does_not_count():
    assert not check_turn(turned(25), TIMES, "left", 0.0, 1.0).done


def test_one_slip_of_the_mesh_is_no_turn():
    yaws = np.zeros(48)
    yaws[20] = 40

    assert not check_turn(yaws, TIMES, "left", 0.4, 4.0).done


def test_a_turn_that_nobody_saw_begin_is_not_done():
    yaws = turned(25)
    yaws[8:20] = np.nan

    assert not check_turn(yaws, TIMES, "left", 0.4, 4.0).done


def test_a_face_that_was_never_found_is_not_done():
    assert not check_turn(np.full(48, np.nan), TIMES, "left", 0.4, 4.0).done


def test_there_are_two_sides():
    with pytest.raises(ValueError, match="side"):
        check_turn(turned(25), TIMES, "up", 0.4, 4.0)
