"""Flatness cues on bodies and sheets whose movement is known."""

from __future__ import annotations

import numpy as np
import pytest

from models.liveness.cues.flatness import FEWEST, LEAST_TURN, flatness_cues, homography, mapped
from models.liveness.moved import HEIGHT, WIDTH, bent_frames, flat_frames, hand_movement

FRAMES = 36
TIMES = np.arange(FRAMES) / 12
NOISE = 0.3  # pixels, of a landmark


def head(seed: int = 0) -> np.ndarray:
    """(478, 3) points on the front of an egg with a nose, 200 pixels wide; nearer is less, as in MediaPipe."""
    draw = np.random.default_rng(seed)
    across, down = draw.uniform(-0.9, 0.9, 478), draw.uniform(-0.9, 0.9, 478)
    nose = 0.45 * np.exp(-((across / 0.2) ** 2) - ((down - 0.1) / 0.35) ** 2)
    depth = -np.sqrt(np.maximum(0.0, 1.9 - across**2 - down**2)) - nose
    return 100 * np.column_stack([across, 1.3 * down, depth])


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    return points @ turn.T


def seen(points: np.ndarray) -> np.ndarray:
    """Pixels (n, 2) by a pinhole 700 pixels away."""
    return points[:, :2] * (700 / (700 + points[:, 2] - points[:, 2].mean()))[:, None] + 320


def meshes(body: np.ndarray, degrees: float, *, flat: bool) -> list[np.ndarray]:
    """A head, or its photograph, turned to and fro; the mesh tells a photograph the depth of the face on it."""
    draw = np.random.default_rng(1)
    sheet = body * np.array([1, 1, 0]) if flat else body
    found = []
    for time in TIMES:
        pixels = seen(turned(sheet, degrees * np.sin(2 * np.pi * 0.4 * time) + 5))
        found.append(np.column_stack([pixels + draw.normal(0, NOISE, pixels.shape), body[:, 2]]).astype(np.float32))
    return found


@pytest.mark.parametrize("degrees", [8, 15, 25])
def test_a_head_leaves_far_more_along_its_depth_than_its_photograph(degrees: float):
    real = flatness_cues(meshes(head(), degrees, flat=False), TIMES)
    paper = flatness_cues(meshes(head(), 25, flat=True), TIMES)

    assert real is not None
    assert paper is not None
    assert real.parallax > paper.parallax + 1
    assert real.left > paper.left + 1
    assert real.depth_share > paper.depth_share + 0.3


def test_what_stands_still_gives_no_answer():
    assert flatness_cues(meshes(head(), 0, flat=False), TIMES) is None


def test_turning_in_the_plane_and_coming_nearer_is_no_movement_in_depth():
    body, found = head(), []
    for index in range(FRAMES):
        angle, scale = 0.02 * index, 1 + 0.01 * index
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        found.append(np.column_stack([body[:, :2] @ turn.T + 3 * index, body[:, 2]]).astype(np.float32))

    assert flatness_cues(found, TIMES) is None


def test_too_few_meshes_give_no_answer():
    found = meshes(head(), 20, flat=False)

    assert flatness_cues([*found[: FEWEST - 1], *[None] * (FRAMES - FEWEST + 1)], TIMES) is None


def test_a_mesh_that_holds_no_number_is_refused():
    found = meshes(head(), 20, flat=False)
    found[3][10, 0] = np.nan

    with pytest.raises(ValueError, match="no number"):
        flatness_cues(found, TIMES)


@pytest.mark.parametrize("times", [TIMES[:-1], TIMES[::-1], np.full(FRAMES, np.nan)])
def test_times_that_cannot_be_are_refused(times: np.ndarray):
    with pytest.raises(ValueError, match="time"):
        flatness_cues(meshes(head(), 20, flat=False), times)


def test_a_homography_is_found_though_some_points_are_elsewhere():
    draw = np.random.default_rng(3)
    source = draw.uniform(-1, 1, (60, 2))
    truth = np.array([[1.1, 0.1, 0.2], [-0.05, 0.9, -0.1], [0.1, -0.08, 1]])
    target = mapped(source, truth)
    target[:6] += 0.1

    off = np.linalg.norm(mapped(source, homography(source, target)) - mapped(source, truth), axis=1)

    assert np.median(off) < 0.01


def test_points_on_a_line_have_no_homography():
    line = np.column_stack([np.arange(10.0), np.arange(10.0)])

    with pytest.raises(ValueError, match="homography"):
        homography(line, np.zeros((10, 2)))


def test_a_hand_tilts_no_further_than_told_and_otherwise_every_time():
    movement, other = hand_movement(1, tilt=10), hand_movement(2, tilt=10)

    assert np.abs(movement.angles[:, :2]).max() <= 10
    assert not np.allclose(movement.angles, other.angles)
    assert LEAST_TURN > 0


@pytest.mark.parametrize("make", [lambda *a: flat_frames([a[0]], *a[1:]), bent_frames])
def test_simulated_frames_are_what_a_camera_gives(make):
    still = np.random.default_rng(0).integers(0, 255, (60, 50, 3)).astype(np.uint8)

    frames = list(make(still, hand_movement(1, frames=3), 1))

    assert [frame.shape for frame in frames] == [(HEIGHT, WIDTH, 3)] * 3
    assert not np.array_equal(frames[0], frames[2])
