"""Coloured light, on series whose answer is known."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from apps.captures import colours as shown_by_the_page
from models.liveness.challenges import light
from models.liveness.challenges.light import LightOutcome, check_light, draw_colours, linear_light

SECONDS, RATE, LEAD = 5.0, 12.0, 0.6
TIMES = np.arange(round((LEAD + SECONDS + 0.2) * RATE)) / RATE


def colours(seed: int) -> list[tuple[float, light.Colour]]:
    return [(round(LEAD + at, 3), rgb) for at, rgb in draw_colours(random.Random(seed), SECONDS)]


def series(
    played: list[tuple[float, light.Colour]],
    *,
    depth: float = 0.06,
    lag: float = 0.12,
    noise: float = 0.004,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Skin that gives back ``depth`` of the screen's light, and a background that gives back little."""
    generator = np.random.default_rng(seed)
    screen = np.array([linear_light(np.array(colour_at(played, time - lag))) for time in TIMES])
    skin = np.array([0.35, 0.22, 0.16]) * (1 + depth * screen)
    background = np.array([0.2, 0.25, 0.3]) * (1 + 0.1 * depth * screen)
    speckle = np.exp(generator.normal(0, noise, (2, len(TIMES), 3)))
    return skin * speckle[0], background * speckle[1]


def colour_at(played: list[tuple[float, light.Colour]], moment: float) -> light.Colour:
    return next((rgb for at, rgb in reversed(played) if moment >= at), (255, 255, 255))


def check(skin: np.ndarray, background: np.ndarray, asked: list[tuple[float, light.Colour]]) -> light.LightCheck:
    return check_light(skin, background, TIMES, asked, ends=LEAD + SECONDS)


@pytest.mark.parametrize("lag", [0.0, 0.12, 0.33])
def test_the_colours_of_the_screen_are_seen_on_the_skin(lag: float):
    asked = colours(1)

    found = check(*series(asked, lag=lag), asked)

    assert found.outcome is LightOutcome.SEEN
    assert found.p_value <= light.ALPHA
    assert abs(found.lag - lag) <= 0.1


def test_exposure_and_white_balance_do_not_hide_the_colours():
    asked = colours(2)
    skin, background = series(asked)
    gains = np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.05, (len(TIMES), 3)), axis=0))

    found = check(skin * gains, background * gains, asked)

    assert found.outcome is LightOutcome.SEEN


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_of_other_colours_is_not_seen(seed: int):
    asked, recorded = colours(seed), colours(100 + seed)

    found = check(*series(recorded), asked)

    assert found.outcome is LightOutcome.NOT_SEEN


def test_a_constant_tint_is_not_seen():
    skin, background = series([(0.0, (0, 80, 255))], noise=5e-4)

    assert check(skin, background, colours(3)).outcome is LightOutcome.NOT_SEEN


def test_reflection_that_drowns_in_noise_is_no_verdict():
    asked = colours(4)

    found = check(*series(asked, depth=0.001, noise=0.006), asked)

    assert found.outcome is LightOutcome.CANNOT_TELL


def test_light_that_goes_dark_where_the_screen_goes_bright_is_not_seen():
    asked = colours(5)

    found = check(*series(asked, depth=-0.06), asked)

    assert found.outcome is LightOutcome.NOT_SEEN


def test_a_face_that_is_mostly_lost_is_no_verdict():
    asked = colours(6)
    skin, background = series(asked)
    skin[::3] = skin[1::3] = np.nan

    found = check(skin, background, asked)

    assert found.outcome is LightOutcome.CANNOT_TELL
    assert found.p_value == 1.0


def test_no_frames_are_no_verdict():
    nothing = np.zeros((0, 3))

    assert check_light(nothing, nothing, np.zeros(0), colours(7)).outcome is LightOutcome.CANNOT_TELL


def test_darkness_is_no_pass():
    black = np.zeros((len(TIMES), 3))

    assert check(black, black, colours(8)).outcome is not LightOutcome.SEEN


def test_too_few_colours_are_no_challenge():
    asked = colours(9)[:2]

    with pytest.raises(ValueError, match="colours"):
        check(*series(asked), asked)


def test_arrays_that_do_not_belong_together_are_refused():
    skin, background = series(colours(10))

    with pytest.raises(ValueError, match="belong"):
        check_light(skin[1:], background, TIMES, colours(10))


def test_a_stream_that_knows_nothing_of_the_draw_has_even_p_values():
    recorded = series(colours(11))

    p_values = np.array([check(*recorded, colours(1000 + seed)).p_value for seed in range(40)])

    assert 0.35 < p_values.mean() < 0.65
    assert (p_values <= light.ALPHA).sum() <= 1


def test_the_page_draws_as_the_null_does():
    drawn = [module.draw_colours(random.Random(12), SECONDS) for module in (light, shown_by_the_page)]

    assert drawn[0] == drawn[1]


def test_colours_neither_flash_nor_follow_themselves():
    for seed in range(50):
        drawn = draw_colours(random.Random(seed), SECONDS)

        assert np.diff([at for at, _ in drawn]).min() >= 0.5
        assert all(one[1] != other[1] for one, other in pairwise(drawn))


def test_no_colour_is_saturated_red():
    for colour in light.PALETTE:
        red, green, blue = linear_light(np.array(colour))

        assert red / (red + green + blue) < 0.8
