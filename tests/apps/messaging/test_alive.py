"""What keeps an unlock open is a face that moves, on real models: a picture that stands still never does, however it is
shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from django.core.cache import cache

from apps.captures.binding import session_binding
from apps.errors import CosmicError
from apps.identities.models import Modality, ModelVersion, Person
from apps.identities.services.models import sync_model_versions
from apps.identities.services.templates import store_sample, store_template
from apps.messaging import unlocks
from apps.messaging.services import presence
from apps.messaging.services.presence import Watched, new_watcher
from tests import acting, media
from tests.people import portrait
from worker import tasks, wiring
from worker.cascade.embed import embed_sample
from worker.cascade.presence import MEMORY
from worker.cascade.types import Modality as Compared
from worker.engines.types import Engines

pytestmark = [pytest.mark.django_db]
ROUNDS = 2  # of what an attacker repeats
NEARLY_OVER = 5  # seconds


def sent(picture: media.Picture) -> bytes:
    """As the page sends it."""
    return media.jpeg(cv2.resize(picture, (480, 360), interpolation=cv2.INTER_AREA))


STILL = sent(portrait("astronaut"))
SOMEBODY_ELSE = sent(portrait("guest"))
NOBODY = sent(np.full((360, 480, 3), 120, np.uint8))
TWO = sent(np.hstack([portrait(name)[:, 160:480] for name in ("astronaut", "guest")]))
UNREADABLE = b"no picture at all"


class Open:
    """A message that bob, with the astronaut's face, has open."""

    def __init__(self, handle: str, person: Person, message: str) -> None:
        self.handle, self.person, self.message = handle, person, message
        self.another_socket()

    def another_socket(self) -> None:
        self.watched = Watched(new_watcher(), self.handle, self.person.pk, self.message)
        self.number = 0

    def renewed_by(self, frame: bytes) -> bool:
        """Show one frame to the worker, with the unlock nearly over."""
        cache.expire(f"unlock:{self.handle}", NEARLY_OVER)
        self.number += 1
        presence.show_frame(watched=self.watched, number=self.number, frame=frame)
        (key,) = cache.client.get_client().keys("*:presence:*")
        tasks.watch_reader(key.decode().rsplit(":", 1)[1])
        return cache.ttl(f"unlock:{self.handle}") > NEARLY_OVER

    def renewals(self, frames: Iterable[bytes]) -> list[bool]:
        return [self.renewed_by(frame) for frame in frames]

    def answers(self) -> bool:
        """Whether the text would be given now."""
        try:
            return bool(unlocks.key_of(self.handle))
        except CosmicError:
            return False


@pytest.fixture(scope="module")
def moving() -> list[bytes]:
    """Bob, as the camera sees him, for eight seconds."""
    return [sent(frame) for frame in acting.acted_frames("astronaut", [], 8.0, rate=2, seed=2)]


@pytest.fixture
def opened(engines: Engines, as_, write, unlock, people) -> Open:
    sync_model_versions(cards=wiring.cards())
    version = ModelVersion.objects.filter(modality=Modality.FACE).latest("pk")
    picture = media.jpeg(portrait("astronaut"))
    sample, _ = store_sample(person=people["bob"], modality=Modality.FACE, content=picture, quality={}, source="test")
    vector = embed_sample(Compared.FACE, picture, engines).vector
    store_template(sample=sample, model_version=version, vector=vector.tolist())
    client, message = as_("bob"), write()
    assert unlock(client, message, "bob").status_code == 200
    binding = session_binding(client.session.session_key)
    handle = unlocks.handle_of(binding=binding, message_id=uuid.UUID(message), person=people["bob"])
    return Open(handle, people["bob"], message)


def test_a_reader_who_moves_is_renewed_once_that_was_seen(opened: Open, moving):
    renewals = opened.renewals(moving)

    assert renewals == [False] * MEMORY + [True] * (len(moving) - MEMORY)
    assert opened.answers()


def test_the_text_stays_while_nobody_can_say_yet(opened: Open, moving):
    for frame in moving[:MEMORY]:
        opened.renewed_by(frame)

        assert opened.answers()


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(NOBODY, id="nobody"),
        pytest.param(SOMEBODY_ELSE, id="somebody else"),
        pytest.param(TWO, id="two"),
        pytest.param(UNREADABLE, id="unreadable"),
    ],
)
def test_a_still_picture_gains_nothing_by_a_frame_between(opened: Open, between: bytes):
    one_round = [*[STILL] * MEMORY, between]
    assert not any(opened.renewals(one_round))

    again = [(opened.renewed_by(frame), opened.answers()) for frame in one_round * (ROUNDS - 1)]

    assert set(again) == {(False, False)}


def test_a_still_picture_gains_nothing_by_another_socket(opened: Open):
    for _ in range(ROUNDS):
        opened.another_socket()
        assert not any(opened.renewals([STILL] * MEMORY))

    assert not opened.answers()


def test_a_still_picture_gains_nothing_by_two_sockets_in_turn(opened: Open):
    first = opened.watched
    opened.another_socket()
    second = opened.watched

    for number in range(MEMORY * ROUNDS):
        opened.watched, opened.number = (first, second)[number % 2], number
        assert not opened.renewed_by(STILL)

    assert not opened.answers()


def test_a_still_picture_gains_nothing_by_a_pause(opened: Open):
    opened.renewals([STILL] * MEMORY)

    left = cache.ttl(f"unlock-memory:{opened.handle}")

    assert left >= unlocks.SECONDS  # what is remembered is there for as long as the unlock can be
    assert not any(opened.renewals([STILL] * MEMORY))


def test_a_still_picture_gains_nothing_where_the_memory_is_lost(opened: Open):
    for _ in range(ROUNDS):
        cache.delete(f"unlock-memory:{opened.handle}")
        assert not any(opened.renewals([STILL] * MEMORY))


def test_a_still_picture_after_the_reader_is_found_out_for_good(opened: Open, moving):
    assert opened.renewals(moving)[-1]

    opened.renewals([STILL] * (MEMORY + 1))

    assert not any(opened.renewals([*[STILL] * MEMORY, NOBODY] * ROUNDS))
    assert not opened.answers()


def test_a_reader_who_looks_away_goes_on_at_once(opened: Open, moving):
    opened.renewals(moving[:10])
    opened.renewals([NOBODY] * 10)
    held_back = not opened.answers()

    assert held_back and opened.renewed_by(moving[10])
    assert opened.answers()


def test_a_reader_who_looks_away_before_anything_could_be_said_goes_on(opened: Open, moving):
    opened.renewals([*moving[:2], NOBODY])

    renewals = opened.renewals(moving[2:10])

    assert renewals[MEMORY - 2 :] == [True] * len(renewals[MEMORY - 2 :])
    assert opened.answers()


def test_a_new_unlock_remembers_nothing_of_the_last(opened: Open, moving):
    opened.renewals(moving)

    unlocks.begin(opened.handle, b"k" * 32)

    assert unlocks.remembered(opened.handle) == b""
    assert not opened.renewed_by(moving[0])


def test_nothing_is_remembered_of_an_unlock_that_has_ended(opened: Open):
    opened.renewed_by(STILL)

    unlocks.end(opened.handle)

    assert unlocks.remembered(opened.handle) == b""
