"""Faces cut from pictures, how people are divided, and what happens to pictures on their way."""

from __future__ import annotations

import numpy as np
import pytest

from models.deepfake.crops import cut, face_crop
from models.deepfake.degradation import drawn_degradation
from models.deepfake.faces import CANVAS, SIZE, Part, face_in, nearer, network_input, part_of
from tests.models.deepfake.made import made_face


def test_a_square_that_leaves_the_picture_repeats_its_edge():
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10)

    found = cut(picture, (-3, -3, 6, 6))

    assert found.shape == (6, 6)
    assert (found[:4, :4] == picture[0, 0]).all()
    assert np.array_equal(found[3:, 3:], picture[:3, :3])


def test_a_crop_that_becomes_smaller_is_averaged():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))

    assert np.abs(face_crop(stripes, (0, 0, 64, 64), sides=1.0, size=16).astype(int) - 128).max() <= 1


@pytest.mark.parametrize("size", [300, 1400])
def test_landmarks_stay_on_their_pixels_when_a_face_is_cut_out(size: int):
    image = np.zeros((size, size, 3), np.uint8)
    spot = np.array([0.45, 0.55]) * size
    x, y = spot.astype(int)
    reach = size // 60
    image[y - reach : y + reach + 1, x - reach : x + reach + 1] = 255
    points = np.array([spot, spot + 10, spot - 10], np.float32)

    face = face_in(image, points, (0.35 * size, 0.35 * size, 0.3 * size, 0.3 * size), subject="a", dataset="b")

    for one in (face, nearer(face, 1.5)):
        rows, columns = np.nonzero(one.picture > 128)
        assert len(one.picture) <= CANVAS
        assert abs(columns.mean() - one.points[0, 0]) < 1.5
        assert abs(rows.mean() - one.points[0, 1]) < 1.5
    assert np.allclose(nearer(face, 1.5).square[2:], face.square[2:])


def test_everybody_is_in_one_part_and_the_parts_have_their_shares():
    parts = [part_of(f"made/{number}") for number in range(2000)]

    assert parts == [part_of(f"made/{number}") for number in range(2000)]
    for part, share in ((Part.NETWORK, 0.6), (Part.GATE, 0.2), (Part.TEST, 0.2)):
        assert parts.count(part) / 2000 == pytest.approx(share, abs=0.03)


def test_the_network_sees_one_size_of_brightness():
    face = made_face()
    colour = np.repeat(face.picture[:, :, None], 3, axis=2)

    assert network_input(face.picture, face.square).shape == (SIZE, SIZE)
    assert np.abs(network_input(colour, face.square).astype(int) - network_input(face.picture, face.square)).max() <= 1


def test_a_milder_degradation_leaves_more_of_the_picture():
    face = made_face()

    def change(severity: float) -> float:
        found = []
        for seed in range(20):
            way = drawn_degradation(np.random.default_rng(seed), severity)
            degraded = way.apply(face.picture, np.random.default_rng(seed))
            assert degraded.shape == face.picture.shape
            found.append(np.abs(degraded.astype(int) - face.picture).mean())
        return float(np.mean(found))

    assert change(0.1) < change(0.5) < change(1.0)
