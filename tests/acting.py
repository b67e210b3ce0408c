"""A test person who does what a challenge asks: frames, and a voice where digits are to be said.

It drives the software from drawing to decision. It is no measure of resistance to attacks (see ``tests.moving``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests import media
from tests.moving import person_frames
from tests.people import VOICES, portrait

Step = dict
BLINK_SECONDS = 0.42
TURN_DEGREES = 34.0  # of the rendering; the mesh sees about two thirds of it
# Degrees off the middle at which somebody sits, another in each capture: two captures made from one still in the same
# position are the same capture to whoever looks for replays.
RESTS = (-3.0, 3.0, 9.0, -9.0)
SWAY, NOD = 3.0, 2.0  # degrees
NOD_EVERY = 4.8  # seconds
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def acted_frames(
    name: str,
    steps: Sequence[Step],
    seconds: float,
    *,
    rate: float = media.FRAME_RATE,
    voice: NDArray[np.float32] | None = None,
    seed: int = 0,
    period: float | None = None,
) -> list[media.Picture]:
    """Frames of ``name`` doing all ``steps`` (as a ticket holds them), blinking at least once, speaking ``voice``.
    ``period``: seconds after which the head is where it was, for a video that is played again and again."""
    blinks = blink_moments(steps, seconds)
    return person_frames(
        portrait(name),
        mesh_of(name),
        seconds=seconds,
        rate=rate,
        yaw=_yaw(steps, seed, period),
        pitch=lambda time: NOD * float(np.sin(2 * np.pi * time / (period or NOD_EVERY) + seed)),
        closed=lambda time: max((_lid(time - moment) for moment in blinks), default=0.0),
        mouth=_mouth(voice),
        light=_light(steps),
        seed=seed,
    )


def blink_moments(steps: Sequence[Step], seconds: float) -> list[float]:
    """When the eyes close: as often as asked, evenly within the window; once in the middle where nobody asks."""
    for step in steps:
        if step["kind"] == "blink":
            gap = (step["ends"] - step["starts"]) / step["count"]
            return [step["starts"] + gap * (index + 0.5) - BLINK_SECONDS / 2 for index in range(step["count"])]
    return [seconds / 2]


def said(name: str, digits: str) -> NDArray[np.float32]:
    voice, pitch = VOICES[name]
    return media.spoken(", ".join(WORDS[int(digit)] for digit in digits), voice=voice, pitch=pitch, speed=130)


@cache
def mesh_of(name: str) -> NDArray[np.float32]:
    from worker.engines.detection import MediaPipeDetector
    from worker.engines.landmarks import MediaPipeMesh

    picture = portrait(name)
    mesh = MediaPipeMesh().mesh(picture, MediaPipeDetector().detect(picture)[0])
    assert mesh is not None, name
    return mesh


def _lid(since: float) -> float:
    return float(np.interp(since, (0.0, 0.1, 0.3, BLINK_SECONDS), (0.0, 1.0, 1.0, 0.0), left=0.0, right=0.0))


def _yaw(steps: Sequence[Step], seed: int, period: float | None) -> Callable[[float], float]:
    """A small sway; towards the named side and back where that is asked for."""
    draw = np.random.default_rng(seed)
    phase, pace, rest = draw.uniform(0, 2 * np.pi), draw.uniform(0.7, 1.5), RESTS[seed % len(RESTS)]
    pace = 2 * np.pi / period if period else pace
    turns = [step for step in steps if step["kind"] == "turn"]

    def yaw(time: float) -> float:
        degrees = rest + SWAY * np.sin(pace * time + phase)
        for turn in turns:
            starts, ends = turn["starts"], turn["ends"]
            keys = (starts + 0.4, starts + 1.1, ends - 1.3, ends - 0.3)
            share = float(np.interp(time, keys, (0.0, 1.0, 1.0, 0.0)))
            degrees = degrees * (1 - share) + share * TURN_DEGREES * (1 if turn["side"] == "left" else -1)
        return float(degrees)

    return yaw


def _mouth(voice: NDArray[np.float32] | None) -> Callable[[float], float]:
    """How far the mouth is open: with the loudness of the voice, which begins with the first frame."""
    if voice is None:
        return lambda time: 0.0
    step = media.RATE // 50
    level = np.array([np.sqrt(np.mean(voice[at : at + step] ** 2)) for at in range(0, len(voice) - step, step)])
    level = np.convolve(level, np.ones(3) / 3, "same")
    open_by = np.clip(level / max(float(np.quantile(level, 0.95)), 1e-6), 0, 1) ** 0.7
    return lambda time: float(np.interp(time, np.arange(len(open_by)) / 50, open_by, right=0.0))


def _light(steps: Sequence[Step]) -> Callable[[float], tuple[float, float, float]] | None:
    step = next((step for step in steps if step["kind"] == "light"), None)
    if step is None:
        return None

    def light(time: float) -> tuple[float, float, float]:
        shown = [colour for at, colour in step["colours"] if at <= time - 0.1]  # display and exposure take a moment
        return tuple(shown[-1]) if shown and time < step["ends"] + 0.1 else (0.0, 0.0, 0.0)

    return light
