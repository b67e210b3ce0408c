"""Whether the reader of an open message is still seen, on real models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from apps.messaging.services.presence import Seen
from models.liveness.recapture import on_screen
from tests import acting, media
from tests.people import portrait
from worker.cascade.embed import embed_sample
from worker.cascade.presence import MEMORY, Presence, Remembered, watch
from worker.cascade.types import Modality
from worker.engines.types import Engines, Image, Vector

WIDTH, HEIGHT = 480, 360


@pytest.fixture(scope="module")
def reference(engines: Engines) -> Vector:
    return embed_sample(Modality.FACE, media.jpeg(portrait("astronaut")), engines).vector


def sent(pictures: Sequence[Image]) -> list[Image]:
    """As the page sends them: two a second, small."""
    return [cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for picture in pictures]


def seen(frames: Sequence[Image], references: Sequence[Vector], engines: Engines) -> list[Presence]:
    memory, found = Remembered(), []
    for frame in frames:
        presence, memory = watch(frame, references, Remembered.from_bytes(memory.to_bytes()), engines)
        found.append(presence)
    return found


def test_the_reader_stays_present(engines: Engines, reference: Vector):
    frames = sent(acting.acted_frames("astronaut", [], 4.0, rate=2, seed=2))

    assert set(seen(frames, [reference], engines)) == {Presence.PRESENT}


def test_an_empty_room_shows_nobody(engines: Engines, reference: Vector):
    room = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)

    assert seen([room], [reference], engines) == [Presence.NO_FACE]


def test_a_second_face_is_seen(engines: Engines, reference: Vector):
    both = np.hstack([portrait(name)[:, 160:480] for name in ("astronaut", "guest")])

    assert seen(sent([both]), [reference], engines) == [Presence.SEVERAL_FACES]


def test_somebody_else_is_not_the_reader(engines: Engines, reference: Vector):
    frames = sent(acting.acted_frames("guest", [], 2.0, rate=2, seed=2))

    assert set(seen(frames, [reference], engines)) == {Presence.OTHER_FACE}


def test_without_a_reference_nobody_is_the_reader(engines: Engines):
    assert seen(sent([portrait("astronaut")]), [], engines) == [Presence.OTHER_FACE]


def test_a_picture_that_stands_still_is_not_live(engines: Engines, reference: Vector):
    still = sent([portrait("astronaut")] * (MEMORY + 2))

    assert seen(still, [reference], engines)[-1] is Presence.NOT_LIVE


def test_a_photograph_on_a_screen_is_not_live(engines: Engines, reference: Vector):
    frames = acting.acted_frames("astronaut", [], 4.0, rate=2, seed=2)
    shown = sent([on_screen(frame, seed) for seed, frame in enumerate(frames)])

    assert Presence.PRESENT is not seen(shown, [reference], engines)[-1]


def kept(frames: Sequence[Image], references: Sequence[Vector], engines: Engines) -> Remembered:
    memory = Remembered()
    for frame in frames:
        _, memory = watch(frame, references, memory, engines)
    return memory


def test_there_is_no_life_to_see_before_there_is_enough_to_judge(engines: Engines, reference: Vector):
    frames = sent(acting.acted_frames("astronaut", [], 4.0, rate=2, seed=2))

    assert [kept(frames[:count], [reference], engines).shows_life for count in (0, MEMORY, MEMORY + 1)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("between", ["nobody", "somebody else", "two"])
def test_frames_without_a_usable_face_leave_what_is_remembered(engines: Engines, reference: Vector, between: str):
    pictures = {
        "nobody": np.full((HEIGHT, WIDTH, 3), 120, np.uint8),
        "somebody else": portrait("guest"),
        "two": np.hstack([portrait(name)[:, 160:480] for name in ("astronaut", "guest")]),
    }
    still = sent([portrait("astronaut")] * MEMORY)

    shown = seen([*still, *sent([pictures[between]]), *still], [reference], engines)

    assert shown[MEMORY] is not Presence.PRESENT
    assert set(shown[MEMORY + 1 :]) == {Presence.NOT_LIVE}


def test_a_photograph_on_a_screen_shows_no_life(engines: Engines, reference: Vector):
    frames = acting.acted_frames("astronaut", [], 4.0, rate=2, seed=2)

    shown = kept(sent([on_screen(frame, seed) for seed, frame in enumerate(frames)]), [reference], engines)

    assert not shown.shows_life


def test_without_the_picture_gate_the_rest_is_still_asked(engines: Engines, reference: Vector):
    bare = replace(engines, gates=replace(engines.gates, picture=None))

    assert seen(sent([portrait("astronaut")] * (MEMORY + 2)), [reference], bare)[-1] is Presence.NOT_LIVE


def test_what_is_remembered_survives_being_kept():
    crop = np.arange(32 * 32, dtype=np.uint32).astype(np.uint8).reshape(32, 32)
    before = Remembered(crop, (0.5, 1.25), (-np.inf, 2.0))

    after = Remembered.from_bytes(before.to_bytes())

    assert (after.changes, after.pictures) == (before.changes, before.pictures)
    assert np.array_equal(after.crop, crop)


def test_the_web_side_knows_the_same_words():
    assert [one.value for one in Seen] == [one.value for one in Presence]
