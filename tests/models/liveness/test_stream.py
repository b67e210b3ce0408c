"""Injected streams made from pictures that move as a person before a camera does."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.liveness.stream import StreamFault, StreamReading, read_stream
from models.liveness.stream.attacks import ATTACKS, Picture, camera_noise, recoded
from tests import media
from tests.people import portrait
from worker.training.clips import clips, look, scene

FRAMES, RATE = 48, 12.0
TIMES = np.round(np.arange(FRAMES) / RATE, 4)
MIDDLE = (slice(40, 200), slice(80, 240))  # where the synthetic face is


@cache
def moving(seed: int) -> list[Picture]:
    """A pattern (240, 320) that drifts as a head does, seen through a sensor's noise."""
    draw = np.random.default_rng(seed)
    pattern = cv2.GaussianBlur(draw.uniform(0, 255, (240, 320, 3)), (0, 0), 5)
    pattern = np.clip(128 + 6 * (pattern - pattern.mean()), 0, 255).astype(np.uint8)
    path = cv2.GaussianBlur(draw.normal(0, 1, (FRAMES, 2)).cumsum(0), (1, 9), 2)
    shifts = [np.float32([[1, 0, x], [0, 1, y]]) for x, y in path]
    moved = [cv2.warpAffine(pattern, shift, (320, 240), borderMode=cv2.BORDER_REFLECT) for shift in shifts]
    return [camera_noise(one, draw) for one in moved]


def loop(pictures: list[Picture], period: int) -> list[Picture]:
    return [pictures[index % period] for index in range(len(pictures))]


def reading(pictures: list[Picture], times: np.ndarray | None = None, *, there_and_back: bool = False) -> StreamReading:
    sent = [recoded(one, 90) for one in pictures]
    grey = [cv2.cvtColor(one[MIDDLE], cv2.COLOR_RGB2GRAY).astype(np.float32) for one in sent]
    faces = np.stack([cv2.resize(one, (64, 64), interpolation=cv2.INTER_AREA) for one in grey])
    stamps = TIMES[: len(sent)] if times is None else times
    return read_stream(np.stack([scene(one) for one in sent]), faces, stamps, there_and_back=there_and_back)


def attacked(name: str, *, seed: int = 0) -> list[Picture]:
    pictures, draw = moving(seed), np.random.default_rng(seed)
    moments = ATTACKS[name].when(TIMES, draw)
    return [ATTACKS[name].touch(pictures[index], draw) for index in np.rint(moments * RATE).astype(int)]


def test_a_clip_played_to_and_fro_is_no_head_that_turns_and_comes_back():
    there = moving(0)[:24]
    back = [camera_noise(one, np.random.default_rng(9)) for one in there[::-1]]

    assert reading(there + back).fault is StreamFault.LOOPED
    assert reading(there + back, there_and_back=True).fault is StreamFault.LOOPED


@pytest.mark.parametrize("pictures", [[moving(0)[0]] * FRAMES, loop(moving(0), 12)], ids=["frozen", "looped"])
def test_whoever_was_asked_to_turn_may_not_stand_still_or_loop(pictures: list[Picture]):
    assert reading(pictures, there_and_back=True).fault in {StreamFault.FROZEN, StreamFault.LOOPED}


@pytest.mark.parametrize("seed", range(4))
def test_a_camera_that_sees_motion_is_no_injection(seed: int):
    assert reading(moving(seed)).fault is None


@pytest.mark.parametrize(
    ("attack", "faults"),
    [
        ("frozen", {StreamFault.FROZEN}),
        ("frozen_recoded", {StreamFault.FROZEN, StreamFault.LOOPED, StreamFault.NOISE}),
        ("mostly_frozen", {StreamFault.FROZEN}),
        ("mostly_frozen_noise", {StreamFault.NOISE, StreamFault.LOOPED}),
        ("still_noise", {StreamFault.NOISE}),
        ("still_strong_noise", {StreamFault.NOISE}),
        ("still_camera_noise", {StreamFault.NOISE}),
        ("still_flicker", {StreamFault.NOISE, StreamFault.LOOPED}),
        ("loop", {StreamFault.LOOPED}),
        ("loop_noise", {StreamFault.LOOPED}),
        ("ping_pong", {StreamFault.LOOPED}),
        ("ping_pong_noise", {StreamFault.LOOPED}),
        ("few_stills", {StreamFault.LOOPED}),
    ],
)
def test_an_injected_stream_is_refused(attack: str, faults: set[StreamFault]):
    assert reading(attacked(attack)).fault in faults


def test_the_period_of_a_loop_is_told():
    pictures = moving(1)

    found = reading(loop(pictures, 15))

    assert found.fault is StreamFault.LOOPED
    assert found.loop_period is not None
    assert (found.loop_period / (15 / RATE)) % 1 == pytest.approx(0, abs=0.1)


def test_a_loop_is_found_whatever_times_are_claimed():
    pictures = loop(moving(2), 12)
    claimed = np.cumsum(np.random.default_rng(0).uniform(0.03, 0.2, FRAMES))

    assert reading(pictures, claimed).fault is StreamFault.LOOPED


def test_a_person_who_sways_is_no_loop():
    frames = media.still_frames(portrait("astronaut"))

    found = reading([cv2.resize(one, (320, 240), interpolation=cv2.INTER_AREA) for one in frames])

    assert found.fault is None
    assert found.mirror_ratio > 1.0


def test_a_slow_camera_that_repeats_frames_is_no_injection():
    pictures = moving(3)

    found = reading([pictures[int(index * 8 / RATE)] for index in range(FRAMES)])

    assert found.frozen_share > 0.2
    assert found.fault is None


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        np.arange(FRAMES) / RATE,
        np.round(np.arange(FRAMES) / RATE + np.random.default_rng(0).uniform(0, 0.02, FRAMES), 4),
        np.round(np.where(np.arange(FRAMES) > 20, TIMES + 0.6, TIMES), 3),
        np.sort(np.append(TIMES[1:], 0.502)),
    ],
    ids=["ideal, rounded", "ideal", "jitter", "a stall", "two at once"],
)
def test_times_that_a_client_may_send_are_possible(times: np.ndarray):
    assert reading(moving(0), times).fault is None


@pytest.mark.parametrize(
    "times",
    [
        TIMES[::-1],
        np.where(np.arange(FRAMES) == 9, TIMES[8], TIMES),
        np.where(np.arange(FRAMES) == 9, np.nan, TIMES),
        TIMES / 20,
        np.where(np.arange(FRAMES) > 20, TIMES + 2, TIMES),
    ],
    ids=["backwards", "twice the same", "no number", "240 a second", "a gap"],
)
def test_impossible_times_are_refused_and_told_in_plain_numbers(times: np.ndarray):
    found = reading(moving(0), times)

    assert found.fault is StreamFault.TIMING
    assert all(np.isfinite(value) for value in asdict(found).values() if isinstance(value, float))


def test_regular_times_are_told_and_refuse_nobody():
    jitter = TIMES + np.random.default_rng(1).uniform(0, 0.02, FRAMES)

    assert reading(moving(0), TIMES).steady_timing == 1.0
    assert reading(moving(0), jitter).steady_timing < 0.2


@pytest.mark.parametrize("spoil", ["few", "lengths", "numbers"])
def test_what_cannot_be_measured_is_an_error(spoil: str):
    scenes, faces, times = np.zeros((FRAMES, 64, 64)), np.zeros((FRAMES, 64, 64)), TIMES
    if spoil == "few":
        scenes, faces, times = scenes[:11], faces[:11], times[:11]
    elif spoil == "lengths":
        faces = faces[1:]
    else:
        scenes[5, 3, 3] = np.nan

    with pytest.raises(ValueError, match="a stream needs"):
        read_stream(scenes, faces, times)


@pytest.mark.shared
def test_talking_people_are_no_injection_and_their_loops_are(shared: Path):
    from worker.engines.detection import MediaPipeDetector

    detector = MediaPipeDetector()
    clip = next(iter(clips(shared / "data")))
    draw = np.random.default_rng(0)

    faults = []
    for moments in (clip.times, ATTACKS["loop_noise"].when(clip.times, draw)):
        seen = look([recoded(clip.pictures[index], 90) for index in clip.at(moments)], detector)
        assert seen is not None
        faults.append(read_stream(seen.scenes, seen.faces, clip.times).fault)

    assert faults == [None, StreamFault.LOOPED]
