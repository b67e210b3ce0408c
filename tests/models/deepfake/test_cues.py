"""Deepfake cues on pictures whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.deepfake.cues.border import border_cues
from models.deepfake.cues.flicker import flicker
from models.deepfake.cues.spectrum import SIZE, azimuthal_power, face_spectrum
from models.deepfake.frame import CUES, capture_cues, ellipse, frame_cues
from tests.models.deepfake.made import made_face


def falling_noise(power: float) -> np.ndarray:
    """Noise whose power falls as frequency to the ``power``."""
    rows, columns = np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE), indexing="ij")
    frequency = np.maximum(np.hypot(rows, columns), 1 / SIZE)
    spectrum = np.fft.fft2(np.random.default_rng(1).normal(size=(SIZE, SIZE))) * frequency ** (-power / 2)
    picture = np.fft.ifft2(spectrum).real
    return (128 + 30 * picture / picture.std()).astype(np.float32)


@pytest.mark.parametrize("power", [0.0, 2.0, 3.0])
def test_the_slope_of_a_spectrum_is_how_its_power_falls(power: float):
    assert face_spectrum(falling_noise(power)).slope == pytest.approx(-power, abs=0.3)


def test_detail_that_was_taken_away_lowers_the_tail():
    picture = falling_noise(2.0)

    blurred = face_spectrum(cv2.GaussianBlur(picture, (0, 0), 1.0))

    assert blurred.tail < face_spectrum(picture).tail - 0.2


def test_a_regular_trace_stands_out_of_the_spectrum():
    picture = falling_noise(2.0)
    stripes = 20 * np.sin(2 * np.pi * 32 * np.arange(SIZE) / SIZE)

    assert face_spectrum(picture + stripes.astype(np.float32)).bump > face_spectrum(picture).bump + 0.5


def test_a_spectrum_takes_one_size_only():
    with pytest.raises(ValueError, match="128"):
        azimuthal_power(np.zeros((64, 64), np.float32))


def test_a_face_that_was_pasted_in_has_a_border():
    picture = made_face().picture.astype(np.float32)
    points = made_face().points
    pasted = picture.copy()
    cv2.fillConvexPoly(pasted, cv2.convexHull(points.astype(np.int32)), 210.0)

    assert border_cues(pasted, points).edges > border_cues(picture, points).edges + 0.5


def test_a_face_smoother_than_its_surroundings_shows_in_the_detail():
    face = made_face()
    smooth = cv2.GaussianBlur(face.picture, (0, 0), 3)
    inside = np.zeros(face.picture.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(face.points.astype(np.int32)), 1)
    forged = np.where(inside > 0, smooth, face.picture).astype(np.float32)

    assert border_cues(forged, face.points).detail < -0.3
    assert abs(border_cues(face.picture.astype(np.float32), face.points).detail) < 0.15


def test_landmarks_on_one_spot_enclose_no_face():
    with pytest.raises(ValueError, match="no face"):
        border_cues(made_face().picture.astype(np.float32), np.full((9, 2), 50.0, np.float32))


def test_flicker_is_the_mean_step_between_frames():
    assert flicker([1.0, 3.0, 2.0]) == pytest.approx(1.5)
    assert flicker([4.0]) == 0.0
    with pytest.raises(ValueError, match="without frames"):
        flicker([])


def test_every_cue_of_a_frame_is_a_number_with_and_without_landmarks():
    face = made_face()

    for points in (face.points, None):
        found = frame_cues(face.picture, face.square, points)

        assert set(CUES) - set(found) == {"network"}
        assert np.isfinite(list(found.values())).all()


def test_the_ellipse_stands_for_landmarks_about_where_they_lie():
    face = made_face()
    around = ellipse(face.square)

    assert np.abs(around.min(axis=0) - face.points.min(axis=0)).max() < 6
    assert np.abs(around.max(axis=0) - face.points.max(axis=0)).max() < 6


@pytest.mark.parametrize("square", [(np.nan, 0.0, 90.0, 90.0), (900.0, 0.0, 90.0, 90.0), (10.0, 10.0, 0.0, 0.0)])
def test_a_face_that_is_not_in_the_frame_is_refused(square: tuple[float, float, float, float]):
    with pytest.raises(ValueError, match="square"):
        frame_cues(made_face().picture, square, None)


def test_landmarks_that_are_no_numbers_are_refused():
    face = made_face()

    with pytest.raises(ValueError, match="hull"):
        frame_cues(face.picture, face.square, np.full_like(face.points, np.nan))


def test_a_capture_says_the_median_of_its_frames():
    face = made_face()
    frames = [
        frame_cues(replace(face, picture=made_face(seed).picture).picture, face.square, face.points)
        | {"network": logit}
        for seed, logit in enumerate((1.0, 9.0, 2.0))
    ]

    found = capture_cues(frames)

    assert found["network"] == 2.0
    assert found["network_flicker"] == pytest.approx(7.5)
    assert found["noise_ratio"] == pytest.approx(np.median([frame["noise_ratio"] for frame in frames]))
    with pytest.raises(ValueError, match="needs a frame"):
        capture_cues([])
