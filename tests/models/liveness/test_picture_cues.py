"""Picture cues and simulated re-captures on pictures whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.liveness.cues.gamut import gamut_cues
from models.liveness.cues.moire import moire_cues
from models.liveness.cues.picture import GROUPS, SMALLEST, picture_cues
from models.liveness.cues.radial import radial_cues
from models.liveness.cues.specularity import specular_cues
from models.liveness.cues.texture import BINS, pattern_shares
from models.liveness.recapture import on_screen, photographed, printed

SIDE = 160


@pytest.fixture
def face() -> np.ndarray:
    """Something with shapes of all sizes, colours and noise, as a face has."""
    noise = np.random.default_rng(0)
    layers = [cv2.resize(noise.normal(0, 1, (n, n, 3)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for n in (5, 20)]
    grain = cv2.GaussianBlur(noise.normal(0, 1, (SIDE, SIDE, 3)), (0, 0), 0.8)
    return np.clip(120 + 25 * layers[0] + 12 * layers[1] + 15 * grain, 0, 255).astype(np.uint8)


def test_a_grid_seen_through_a_camera_shows_as_a_lone_peak(face: np.ndarray):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    grid = 6 * np.sin(2 * np.pi * (0.21 * rows + 0.17 * columns))
    screen = np.clip(face + grid[:, :, None], 0, 255).astype(np.uint8)

    plain, seen = moire_cues(face), moire_cues(screen)

    assert seen.peak > plain.peak + 1.5


def test_a_coloured_grid_shows_in_colour_more_than_in_brightness(face: np.ndarray):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    grid = 8 * np.sin(2 * np.pi * (0.21 * rows + 0.17 * columns))
    screen = face.astype(float)
    screen[:, :, 0] += grid
    screen[:, :, 2] -= grid

    plain, seen = moire_cues(face), moire_cues(np.clip(screen, 0, 255).astype(np.uint8))

    assert seen.colour_peak - plain.colour_peak > seen.peak - plain.peak


def test_blur_takes_fine_detail_and_leaves_coarse_detail(face: np.ndarray):
    blurred = cv2.GaussianBlur(face, (0, 0), 1.5)

    sharp, soft = radial_cues(face), radial_cues(blurred)

    assert soft.third_step < sharp.third_step - 1
    assert abs(soft.first_step - sharp.first_step) < 0.5


def test_patterns_do_not_change_when_the_picture_is_turned(face: np.ndarray):
    plane = face[:, :, 0]

    assert pattern_shares(plane) == pytest.approx(pattern_shares(np.ascontiguousarray(np.rot90(plane))))


def test_an_even_plane_has_one_pattern_only():
    shares = pattern_shares(np.full((20, 20), 90, np.uint8))

    assert shares[8] == 1
    assert shares.shape == (BINS,)


def test_two_highlights_lie_farther_apart_than_one():
    plain = np.full((SIDE, SIDE, 3), 90, np.uint8)
    one, two = plain.copy(), plain.copy()
    one[40:60, 40:60] = 255
    two[10:24, 10:24] = two[-24:-10, -24:-10] = 255

    assert specular_cues(two).spread > 3 * specular_cues(one).spread
    assert specular_cues(one).burnt > 0
    assert specular_cues(plain).share == 0


def test_paper_has_fewer_colours_and_a_raised_black(face: np.ndarray):
    grey = face.mean(2, keepdims=True)
    paper = np.clip(60 + 0.6 * (grey + 0.4 * (face - grey)), 0, 255).astype(np.uint8)

    assert gamut_cues(paper).colours < gamut_cues(face).colours
    assert gamut_cues(paper).black > gamut_cues(face).black
    assert gamut_cues(paper).saturation < gamut_cues(face).saturation


def test_every_cue_is_a_number_and_belongs_to_one_group(face: np.ndarray):
    cues = picture_cues(face)

    assert all(np.isfinite(value) for value in cues.values())
    assert all(sum(name.startswith(tuple(group)) for group in GROUPS.values()) == 1 for name in cues)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_gives_numbers_too(level: int):
    cues = picture_cues(np.full((SIDE, SIDE, 3), level, np.uint8))

    assert all(np.isfinite(value) for value in cues.values())


def test_a_face_too_small_is_refused():
    with pytest.raises(ValueError, match="at least"):
        picture_cues(np.zeros((SMALLEST - 1, SMALLEST - 1, 3), np.uint8))


@pytest.mark.parametrize("make", [printed, on_screen, photographed])
def test_a_simulation_is_repeated_by_its_seed_and_changed_by_another(make, face: np.ndarray):
    first, again, other = make(face, 1), make(face, 1), make(face, 2)

    assert first.shape == face.shape
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_most_simulated_screens_leave_a_higher_peak(face: np.ndarray):
    plain = moire_cues(photographed(face, 0)).peak

    more = [moire_cues(photographed(on_screen(face, seed), seed)).peak > plain for seed in range(8)]

    assert np.mean(more) > 0.5


def test_simulated_prints_are_paler(face: np.ndarray):
    contrast = [gamut_cues(printed(face, seed)).saturation < gamut_cues(face).saturation for seed in range(6)]

    assert np.mean(contrast) >= 0.5
