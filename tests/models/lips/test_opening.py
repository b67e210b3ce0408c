"""A mouth's opening does not depend on where the face is, and needs enough meshes."""

from __future__ import annotations

import numpy as np
import pytest

from models.lips.opening import mouth_track, openings
from tests.models.lips.talking import meshes, mouth, picture_times

TIMES = picture_times()


def test_opening_is_height_over_width_wherever_the_face_is():
    wanted = np.array([0.0, 0.2, 0.5])
    points = np.stack(meshes(wanted, noise=0.0)).astype(float)[:, :, :2]
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])

    found, elsewhere = openings(points), openings(1.7 * points @ turn + [30, -12])

    np.testing.assert_allclose(found, wanted, atol=1e-3)
    np.testing.assert_allclose(elsewhere, found, atol=1e-3)


def test_a_talking_mouth_deforms_and_a_flat_picture_does_not():
    talking = mouth_track(meshes(mouth(TIMES)), TIMES)
    flat = mouth_track(meshes(np.full(len(TIMES), 0.2), sway=8.0), TIMES)

    assert talking.deformation > 4 * flat.deformation
    assert flat.deformation < 2


def test_a_few_lost_meshes_do_not_matter():
    found: list = meshes(mouth(TIMES))
    found[5] = found[17] = found[18] = None

    track = mouth_track(found, TIMES)

    at = track.start + np.arange(len(track.opening)) / 50
    assert np.corrcoef(track.opening, mouth(at))[0, 1] > 0.8


@pytest.mark.parametrize(
    ("lost", "said"),
    [(slice(0, 40), "only 8 of 48"), (slice(20, 28), "too long"), (slice(0, 48, 2), "only 24 of 48")],
)
def test_too_few_meshes_are_no_ground_to_judge_on(lost: slice, said: str):
    found: list = meshes(mouth(TIMES))
    found[lost] = [None] * len(found[lost])

    with pytest.raises(ValueError, match=said):
        mouth_track(found, TIMES)


def test_points_and_times_that_make_no_sense_are_refused():
    found = meshes(mouth(TIMES))
    broken = [*found[:-1], np.full_like(found[-1], np.nan)]

    with pytest.raises(ValueError, match="finite"):
        mouth_track(broken, TIMES)
    with pytest.raises(ValueError, match="rise"):
        mouth_track(found, TIMES[::-1])
    with pytest.raises(ValueError, match="time"):
        mouth_track(found, TIMES[1:])
