"""Coloured light: whether the colours that the screen shows come back from the skin.

The screen fills with colours that the server drew. Skin lies nearer to the screen than what is behind the head, so the
ratio of both follows the colours, while exposure and white balance, which the camera changes for the whole picture,
cancel. Related: Tang et al., "Face Flashing", NDSS 2018; Liu et al., "Aurora Guard", 2019. The test below is a
randomisation test (Fisher, 1935): what the frames say is held fixed, and the colours are drawn again. A stream that
does not depend on the draw therefore passes with probability ALPHA at most, whatever is in it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Series = NDArray[np.float64]

# No saturated red; with at most two changes a second there is at most one flash a second (WCAG 2.3.1 allows three).
PALETTE: tuple[Colour, ...] = (
    (0, 80, 255),
    (0, 220, 60),
    (255, 200, 0),
    (255, 60, 220),
    (0, 220, 255),
    (255, 255, 255),
)
SHORTEST, LONGEST = 0.55, 0.75  # seconds of one colour

ALPHA = 1e-3  # largest p-value that counts as seen
DRAWS = 4999  # of the null: the smallest p-value is 1 / (DRAWS + 1)
NULL_SEED = 20_261_124
LAGS = np.arange(0.0, 0.401, 0.05)  # seconds from the page's clock to the frame: display, exposure, transport
FEWEST_COLOURS = 4
FEWEST_FRAMES = 20
LEAST_RATE = 6.0  # usable frames a second; a colour lasts for three of them then
DARKEST = 2e-3  # linear light, added to both: below it a camera counts noise
OPPONENT = np.array([[1.0, -1.0, 0.0], [-0.5, -0.5, 1.0], [1 / 3, 1 / 3, 1 / 3]])  # red-green, blue-yellow, lightness
CHROMATIC = 2  # the first so many
# Deviations of the chromatic log-ratio, in natural logarithms; where they come from is in docs/gates-active.md.
CLEAR_MODULATION = 0.02  # what a screen gives in a lit room; more than motion does: the face does change its colours
LEAST_MODULATION = 0.004  # what a screen gives at some 6,000 lux
DETECTABLE = 2.5  # so many times what is there anyway has to come on top to be seen nearly always


class LightOutcome(StrEnum):
    SEEN = "seen"
    NOT_SEEN = "not_seen"
    CANNOT_TELL = "cannot_tell"  # too little light from the screen against noise and daylight; never a pass


@dataclass(frozen=True, slots=True)
class LightCheck:
    """What the frames say of the colours.

    Arguments:
        statistic: correlation in [-1, 1] of reflected and shown colours, at the best lag.
        p_value: share of other draws that would have fitted as well.
        lag: seconds from the page's clock to the frames, where they fit best.
        strength: deviation of the reflected colours over the noise of one frame.
    """

    outcome: LightOutcome
    statistic: float
    p_value: float
    lag: float
    strength: float


NOTHING = LightCheck(LightOutcome.CANNOT_TELL, 0.0, 1.0, 0.0, 0.0)


def draw_colours(source: random.Random, seconds: float) -> list[tuple[float, Colour]]:
    """(starts at, sRGB) over ``seconds``; no colour follows itself."""
    drawn: list[tuple[float, Colour]] = []
    now = 0.0
    while now <= seconds - SHORTEST:
        others = [colour for colour in PALETTE if not drawn or colour != drawn[-1][1]]
        drawn.append((round(now, 3), source.choice(others)))
        now += source.uniform(SHORTEST, LONGEST)
    return drawn


def check_light(
    skin: Series,
    background: Series,
    times: Series,
    colours: Sequence[tuple[float, Colour]],
    *,
    ends: float | None = None,
) -> LightCheck:
    """Look for the colours in the light from the skin.

    Arguments:
        skin, background: (n, 3) mean linear light in [0, 1]; rows of NaN where the face was lost.
        times: (n,) seconds, on the clock of ``colours``.
        colours: (starts at, sRGB), each until the next.
        ends: when the last colour ends; the last frame if not said.

    Raises:
        ValueError: shapes differ, or there are too few colours to tell one draw from another.
    """
    if skin.shape != background.shape or skin.shape != (len(times), 3):
        raise ValueError("skin, background and times do not belong together")
    if len(colours) < FEWEST_COLOURS:
        raise ValueError(f"{len(colours)} colours; {FEWEST_COLOURS} are needed")
    starts = colours[0][0]
    until = float(ends if ends is not None else times[-1] if len(times) else starts)
    # From here on every frame shows a colour of the sequence, whichever lag is right.
    usable = (times >= starts + LAGS[-1]) & (times <= until)
    usable &= np.isfinite(skin).all(1) & np.isfinite(background).all(1)
    if usable.sum() < max(FEWEST_FRAMES, LEAST_RATE * (until - starts - LAGS[-1])):
        return NOTHING
    when = times[usable] - starts
    ratio = np.log(skin[usable] + DARKEST) - np.log(background[usable] + DARKEST)
    drift, seen = _drift(when), ratio @ OPPONENT.T
    seen = seen - drift @ (drift.T @ seen)
    shown = [(at - starts, colour) for at, colour in colours]
    fits = _fits(seen, when, *_with_null(shown, until - starts))
    best = fits.max(1)
    p_value = float((1 + (best[1:] >= best[0]).sum()) / len(best))
    modulation, noise = float(seen[:, :CHROMATIC].std()), _noise(seen[:, :CHROMATIC])
    outcome = _outcome(float(best[0]), p_value, modulation)
    return LightCheck(outcome, float(best[0]), p_value, float(LAGS[fits[0].argmax()]), modulation / noise)


def _outcome(statistic: float, p_value: float, modulation: float) -> LightOutcome:
    if p_value <= ALPHA and statistic > 0:
        return LightOutcome.SEEN
    other_colours = modulation >= CLEAR_MODULATION
    would_have_been_seen = modulation <= LEAST_MODULATION / DETECTABLE
    return LightOutcome.NOT_SEEN if other_colours or would_have_been_seen else LightOutcome.CANNOT_TELL


def _fits(seen: Series, when: Series, starts: Series, emitted: Series) -> Series:
    """(sequences, lags) correlation of what was seen with every sequence, both without drift.

    Each channel of ``seen`` (n, 3) counts alike, so that a moving head, which changes lightness most, rules nothing.
    A colour stands still between two changes, so sums over its frames are differences of running sums.
    """
    scaled = seen / np.maximum(seen.std(0), 1e-9)
    scaled /= max(float(np.linalg.norm(scaled)), 1e-9)
    drift = _drift(when)
    running = np.zeros((len(when) + 1, 6))  # of what was seen, of the drift, of frames
    running[1:] = np.cumsum(np.hstack([scaled, drift, np.ones((len(when), 1))]), axis=0)
    found = np.empty((len(starts), len(LAGS)))
    for column, lag in enumerate(LAGS):
        edges = np.searchsorted(when, starts + lag)
        edges[:, 0] = 0
        over = np.diff(running[edges], axis=1, append=np.broadcast_to(running[-1], (len(starts), 1, 6)))
        along = np.einsum("skc,skc->s", emitted, over[..., :3])
        drifting = np.einsum("skc,skd->scd", emitted, over[..., 3:5])
        square = np.einsum("skc,skc,sk->s", emitted, emitted, over[..., 5]) - (drifting**2).sum((1, 2))
        found[:, column] = along / np.sqrt(np.maximum(square, 1e-6))
    return found


def _with_null(shown: Sequence[tuple[float, Colour]], seconds: float) -> tuple[Series, Series]:
    """Starts (1 + DRAWS, k) and opponent colours (1 + DRAWS, k, 3) of the sequence shown and of those that were not."""
    starts, emitted = _null(round(seconds, 2))
    own_starts, own_emitted = _table([list(shown)], max(starts.shape[1], len(shown)))
    missing = own_starts.shape[1] - starts.shape[1]
    starts = np.pad(starts, ((0, 0), (0, missing)), constant_values=np.inf)
    emitted = np.pad(emitted, ((0, 0), (0, missing), (0, 0)))
    return np.concatenate([own_starts, starts]), np.concatenate([own_emitted, emitted])


@lru_cache(maxsize=8)
def _null(seconds: float) -> tuple[Series, Series]:
    source = random.Random(NULL_SEED)  # noqa: S311  (a statistic's null, to be the same every time; nothing secret)
    drawn = [draw_colours(source, seconds) for _ in range(DRAWS)]
    return _table(drawn, max(map(len, drawn)))


def _table(drawn: list[list[tuple[float, Colour]]], width: int) -> tuple[Series, Series]:
    starts = np.full((len(drawn), width), np.inf)
    rgb = np.zeros((len(drawn), width, 3))
    for row, colours in enumerate(drawn):
        starts[row, : len(colours)] = [at for at, _ in colours]
        rgb[row, : len(colours)] = [colour for _, colour in colours]
    opponent = linear_light(rgb) @ OPPONENT.T
    return starts, (opponent / _palette_deviation())


def _palette_deviation() -> Series:
    return (linear_light(np.array(PALETTE, float)) @ OPPONENT.T).std(0)


def linear_light(srgb: NDArray[np.integer | np.floating]) -> Series:
    """sRGB in 0 to 255 as linear light in [0, 1] (IEC 61966-2-1)."""
    value = np.asarray(srgb, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _drift(when: Series) -> Series:
    """(n, 2) orthonormal: the mean and a steady change."""
    basis, _ = np.linalg.qr(np.stack([np.ones_like(when), when - when.mean()], axis=1))
    return basis


def _noise(seen: Series) -> float:
    """Deviation of one frame, from second differences, which steps of many frames hardly touch (median, robust)."""
    second = seen[2:] - 2 * seen[1:-1] + seen[:-2]
    return max(float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6)), 1e-6)
