"""Swaps of two people's faces by their landmarks."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.deepfake.masks import hull_mask
from models.deepfake.swap import fitting, relit, swapped, warped
from tests.models.deepfake.made import SIDE, made_face


def test_a_face_warped_onto_itself_stays_as_it_is():
    face = made_face()
    inside = hull_mask(face.points, (SIDE, SIDE)) > 0.5

    found = warped(face.picture, face.points, face.points, (SIDE, SIDE))

    assert np.abs(found.astype(int) - face.picture)[cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) > 0].max() <= 1


def test_a_warp_takes_landmarks_to_their_new_place():
    face = made_face()
    spot = face.points[50]
    picture = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(picture, (round(float(spot[0])), round(float(spot[1]))), 4, 255, -1)
    moved = face.points + np.array([9.0, -6.0], np.float32)

    found = warped(picture, face.points, moved, (SIDE, SIDE))

    rows, columns = np.nonzero(found > 128)
    assert abs(columns.mean() - moved[50, 0]) < 1
    assert abs(rows.mean() - moved[50, 1]) < 1


def test_a_swap_shows_the_other_face_inside_and_the_own_picture_outside():
    target, source = made_face(0), made_face(5, subject="made/bob")
    inside = hull_mask(target.points, (SIDE, SIDE)) > 0.5

    for seed in range(6):
        found = swapped(target, source, np.random.default_rng(seed))

        change = np.abs(found.astype(int) - target.picture)
        assert change[inside].mean() > 3
        assert change[~cv2.dilate(inside.astype(np.uint8), np.ones((25, 25))).astype(bool)].max() <= 1


def test_a_swap_takes_another_person_with_the_likest_pose():
    target = made_face(0)
    near = replace(target, subject="made/bob", points=target.points + 1)
    far = replace(target, subject="made/eve", points=target.points * np.array([0.5, 1.0], np.float32))

    assert fitting(target, [target, far, near]) is near
    with pytest.raises(ValueError, match="another person"):
        fitting(target, [target])


def test_a_swap_of_faces_with_different_landmarks_is_refused():
    target = made_face(0)

    with pytest.raises(ValueError, match="landmarks"):
        swapped(target, replace(target, points=target.points[:-1]), np.random.default_rng(0))


def test_relit_faces_are_as_bright_as_their_new_surroundings():
    face = made_face()
    inside = hull_mask(face.points, (SIDE, SIDE)) > 0.5
    darker = (face.picture * 0.6).astype(np.uint8)

    found = relit(darker, face.picture, inside)

    assert abs(found[inside].mean() - face.picture[inside].mean()) < 2
