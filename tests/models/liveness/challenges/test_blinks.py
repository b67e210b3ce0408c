"""Blinks on request, in eye aspect ratios whose blinks are known."""

from __future__ import annotations

import numpy as np
import pytest

from models.liveness.challenges.blinks import check_blinks

TIMES = np.arange(60) / 12


def ratios(*closed_at: float) -> np.ndarray:
    values = np.full(60, 0.3)
    for start in closed_at:
        values[(start <= TIMES) & (start + 0.25 > TIMES)] = 0.1
    return values


def check(values: np.ndarray, expected: int):
    return check_blinks(values, TIMES, expected, 0.5, 4.5)


@pytest.mark.parametrize(("expected", "moments"), [(1, (1.0,)), (2, (1.0, 2.5)), (3, (1.0, 2.2, 3.4))])
def test_the_blinks_asked_for_are_done(expected: int, moments: tuple[float, ...]):
    found = check(ratios(*moments), expected)

    assert found.done
    assert found.count == expected


def test_one_natural_blink_more_is_let_pass():
    assert check(ratios(1.0, 2.0, 3.0), 2).done


@pytest.mark.parametrize("moments", [(), (1.0,), (0.8, 1.6, 2.4, 3.2)])
def test_fewer_or_many_more_are_not_done(moments: tuple[float, ...]):
    assert not check(ratios(*moments), 2).done


def test_blinks_outside_the_window_do_not_count():
    assert check(ratios(0.1, 1.0, 4.7), 2).count == 1


def test_a_face_that_is_lost_for_long_is_not_done():
    values = ratios(1.0, 2.5)
    values[36:44] = np.nan

    assert not check(values, 2).done


def test_a_frame_without_a_face_does_no_harm():
    values = ratios(1.0, 2.5)
    values[20] = np.nan

    assert check(values, 2).done


@pytest.mark.parametrize("values", [np.full(60, np.nan), np.full(60, 0.05)])
def test_eyes_that_cannot_be_read_are_not_done(values: np.ndarray):
    assert not check(values, 1).done


def test_no_frames_are_not_done():
    assert not check_blinks(np.zeros(0), np.zeros(0), 2, 0.0, 4.0).done


def test_nothing_cannot_be_asked_for():
    with pytest.raises(ValueError, match="one blink"):
        check(ratios(), 0)
