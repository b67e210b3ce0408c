"""Attacks are made as said, and everything goes through the same capture."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from models.lips.presentations import Clip, captured, frozen, idle, moved_by_hand, presentations


@pytest.fixture
def clip() -> Clip:
    """75 pictures whose brightness tells their number, and a click at one second."""
    frames = [np.full((48, 64, 3), 2 * index, np.uint8) for index in range(75)]
    voice = np.zeros(48_000, np.float32)
    voice[16_000] = 0.9
    return Clip("ada", "first", frames, 25.0, voice, ((0.0, 0.4), (2.0, 3.0)))


def test_every_kind_is_made_as_often_as_said(clip: Clip):
    other = Clip("ben", "second", clip.frames, 25.0, clip.voice, clip.quiet)

    found = Counter(one.instrument for one in presentations(clip, [other], 2, np.random.default_rng(0)))

    assert found == {
        "bona_fide": 6,
        "frozen_face": 2,
        "moved_photograph": 2,
        "silent_face": 2,
        "shifted_0.6": 2,
        "shifted_1.0": 2,
        "shifted_1.5": 2,
        "other_voice": 1,
    }


def test_a_capture_has_about_twelve_pictures_a_second_of_their_moment(clip: Clip):
    found = captured("bona_fide", clip, np.random.default_rng(1))

    assert 28 <= len(found.frames) == len(found.times) <= 37
    assert (np.diff(found.times) > 0).all()
    shown = np.array([frame.mean() / 2 for frame in found.frames])
    np.testing.assert_allclose(shown, np.floor(found.times * 25), atol=1.5)


def test_clocks_are_apart_by_no_more_than_said(clip: Clip):
    rng = np.random.default_rng(2)

    clicks = [np.abs(captured("bona_fide", clip, rng).voice).argmax() / 16_000 for _ in range(20)]

    assert max(abs(click - 1.0) for click in clicks) <= 0.3
    assert np.std(clicks) > 0.1


def test_a_frozen_face_is_one_picture(clip: Clip):
    assert len({id(frame) for frame in frozen(clip, np.random.default_rng(3))}) == 1


def test_a_silent_face_shows_quiet_moments_only(clip: Clip):
    shown = {int(frame[0, 0, 0]) // 2 for frame in idle(clip)}

    assert shown == set(range(50, 75))


def test_a_photograph_in_the_hand_moves(clip: Clip):
    pictures = moved_by_hand(
        Clip("ada", "first", [np.eye(64, dtype=np.uint8)[..., None].repeat(3, 2) * 255] * 25, 25.0, clip.voice, ()),
        np.random.default_rng(4),
    )

    assert len({picture.tobytes() for picture in pictures}) > 15
