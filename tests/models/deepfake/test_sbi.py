"""Self-blended images and the masks that they are blended by."""

from __future__ import annotations

import numpy as np
import pytest

from models.deepfake.masks import drawn_mask, hull_mask
from models.deepfake.sbi import self_blended
from tests.models.deepfake.made import SIDE, made_face


def test_the_same_seed_gives_the_same_forgery():
    face = made_face()

    first, again, other = (self_blended(face.picture, face.points, np.random.default_rng(seed)) for seed in (1, 1, 2))

    assert np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)


def test_a_forgery_differs_from_its_face_where_its_mask_lies():
    face = made_face()

    for seed in range(12):
        blended = self_blended(face.picture, face.points, np.random.default_rng(seed))

        assert blended.picture.shape == face.picture.shape
        assert blended.picture.dtype == np.uint8
        assert blended.mask.min() >= 0 and blended.mask.max() <= 1 + 1e-6
        assert np.abs(blended.picture.astype(int) - face.picture)[blended.mask > 0.5].mean() > 0.5


def test_the_real_face_is_left_as_it_was():
    face = made_face()
    before = face.picture.copy()

    self_blended(face.picture, face.points, np.random.default_rng(0))

    assert np.array_equal(face.picture, before)


def test_masks_lie_on_the_face_and_vary():
    face = made_face()
    hull = hull_mask(face.points, (SIDE, SIDE)) > 0.5

    masks = [drawn_mask(face.points, (SIDE, SIDE), np.random.default_rng(seed)) for seed in range(30)]

    sizes = np.array([mask.sum() for mask in masks]) / hull.sum()
    assert all(mask[hull].sum() > 3 * mask[~hull].sum() for mask in masks)
    assert sizes.max() > 2 * sizes.min()
    assert sizes.max() < 1.4


@pytest.mark.parametrize("points", [np.zeros((2, 2)), np.full((9, 2), np.nan)])
def test_landmarks_that_enclose_nothing_are_refused(points: np.ndarray):
    with pytest.raises(ValueError, match="hull"):
        self_blended(made_face().picture, points.astype(np.float32), np.random.default_rng(0))
