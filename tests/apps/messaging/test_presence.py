"""While a message is open its reader has to be seen. What the worker says of the frames is made up here."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from channels.db import database_sync_to_async
from django.core.cache import cache
from django.test import Client

from apps.captures.binding import session_binding
from apps.captures.frames import LARGEST_FRAME
from apps.identities.models import Person
from apps.identities.services.people import set_status
from apps.messaging import unlocks
from apps.messaging.services import presence
from apps.messaging.services.presence import Seen, Shown, Watched
from tests.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
FRAME = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"a picture of bob" * 50
HELD_BACK = (403, "face_lost")
LOCKED = (403, "message_locked")


class Opened:
    """A message that bob has open in one browser."""

    def __init__(self, client: Client, message: str, person: Person) -> None:
        self.client, self.message, self.person = client, message, person
        binding = session_binding(client.session.session_key)
        self.handle = unlocks.handle_of(binding=binding, message_id=uuid.UUID(message), person=person)
        self.watched = Watched("a socket", self.handle, person.pk, message)
        self.number = 0

    @property
    def socket(self) -> str:
        return f"/ws/messages/{self.message}/"

    def answers(self) -> tuple[int, str]:
        """What fetching the content gives: status and error code."""
        answer = self.client.get(f"/api/v1/messages/{self.message}/content")
        return answer.status_code, answer.json().get("error", {}).get("code", "")

    def seen(self, *wanted: Seen) -> None:
        for one in wanted:
            self.number += 1
            self.note(one, self.number)

    def note(self, seen: Seen, number: int, *, alive: bool = True) -> None:
        memory = unlocks.remembered(self.handle)
        presence.note(Shown(self.watched, number, b"", memory), seen, memory, alive=alive)

    def left(self) -> int:
        """Seconds until the unlock ends by itself."""
        return cache.ttl(f"unlock:{self.handle}")

    def nearly_over(self) -> None:
        cache.expire(f"unlock:{self.handle}", 5)


@pytest.fixture
def opened(as_, write, unlock, people) -> Opened:
    client, message = as_("bob"), write()
    assert unlock(client, message, "bob").status_code == 200
    return Opened(client, message, people["bob"])


def test_a_reader_who_is_seen_has_thirty_seconds_again(opened: Opened):
    opened.nearly_over()

    opened.seen(Seen.PRESENT)

    assert 5 < opened.left() <= 30
    assert opened.answers() == (200, "")


@pytest.mark.parametrize("seen", [Seen.NO_FACE, Seen.SEVERAL_FACES, Seen.NOT_LIVE, Seen.OTHER_FACE])
def test_the_content_is_held_back_and_time_goes_on(opened: Opened, seen: Seen):
    opened.nearly_over()

    opened.seen(seen)

    assert opened.answers() == HELD_BACK
    assert opened.left() <= 5


def test_it_comes_back_with_the_reader(opened: Opened):
    opened.seen(Seen.NO_FACE, Seen.PRESENT)

    assert opened.answers() == (200, "")


def test_nothing_is_read_twice_in_one_answer_while_held_back(opened: Opened):
    opened.seen(Seen.NO_FACE)

    answer = opened.client.get(f"/api/v1/messages/{opened.message}/attachments/1")

    assert (answer.status_code, answer.json()["error"]["code"]) == HELD_BACK


def test_a_reader_of_whom_nothing_can_be_said_yet_is_shown_the_text_and_gains_no_time(opened: Opened):
    opened.nearly_over()
    opened.seen(Seen.NO_FACE)

    opened.note(Seen.PRESENT, 2, alive=False)

    assert opened.answers() == (200, "")
    assert opened.left() <= 5


def test_of_two_frames_judged_at_once_the_second_renews_nothing(opened: Opened):
    """Two sockets, or two workers: both read the same memory, and the later would write over what the first one saw."""
    another = replace(opened.watched, watcher="another socket")
    first, second = Shown(opened.watched, 1, b"", b""), Shown(another, 1, b"", b"")
    presence.note(first, Seen.PRESENT, b"one step on", alive=True)
    opened.nearly_over()

    presence.note(second, Seen.PRESENT, b"the same step", alive=True)

    assert opened.left() <= 5
    assert unlocks.remembered(opened.handle) == b"one step on"


def test_of_two_frames_judged_at_once_the_one_that_closes_is_followed(opened: Opened):
    another = replace(opened.watched, watcher="another socket")
    presence.note(Shown(opened.watched, 1, b"", b""), Seen.PRESENT, b"one step on", alive=True)

    presence.note(Shown(another, 1, b"", b""), Seen.NO_FACE, b"", alive=False)

    assert opened.answers() == HELD_BACK
    assert unlocks.remembered(opened.handle) == b"one step on"


def test_two_strangers_in_a_row_end_it_for_good(opened: Opened):
    opened.seen(Seen.OTHER_FACE, Seen.OTHER_FACE, Seen.PRESENT)

    assert opened.answers() == LOCKED


def test_one_stranger_is_forgiven_and_counted_anew(opened: Opened):
    opened.seen(Seen.OTHER_FACE, Seen.PRESENT, Seen.OTHER_FACE, Seen.PRESENT)

    assert opened.answers() == (200, "")


def test_an_older_frame_changes_nothing(opened: Opened):
    opened.note(Seen.NO_FACE, 7)
    opened.nearly_over()

    opened.note(Seen.PRESENT, 6)
    opened.note(Seen.PRESENT, 7)

    assert opened.answers() == HELD_BACK and opened.left() <= 5


def test_an_older_stranger_after_the_reader_changes_nothing(opened: Opened):
    opened.note(Seen.PRESENT, 7)

    opened.note(Seen.OTHER_FACE, 5)
    opened.note(Seen.OTHER_FACE, 6)

    assert opened.answers() == (200, "")


def test_what_has_ended_is_not_brought_back(opened: Opened):
    unlocks.end(opened.handle)

    opened.seen(Seen.PRESENT)

    assert opened.answers() == LOCKED


def test_another_handle_is_not_touched(opened: Opened):
    another = replace(opened.watched, watcher="another socket", handle="another")
    for number in (1, 2):
        presence.note(Shown(another, number, b"", b""), Seen.OTHER_FACE, b"", alive=True)

    assert opened.answers() == (200, "")


# --- frames in Redis ----------------------------------------------------------------------------------


def frames() -> list[bytes]:
    return [key for key in cache.client.get_client().keys("*presence:*")]


def frame_id() -> str:
    (key,) = frames()
    return key.decode().rsplit(":", 1)[1]


def test_a_frame_is_sealed_and_gone_in_seconds(opened: Opened):
    presence.show_frame(watched=opened.watched, number=3, frame=FRAME)

    (key,) = frames()
    redis = cache.client.get_client()
    whole = redis.get(key)
    assert 0 < redis.ttl(key) <= 5
    assert len(whole) > len(FRAME)
    assert b"JFIF" not in whole and b"picture" not in whole
    assert opened.handle.encode() not in whole + key


def test_no_other_value_in_redis_holds_the_frame_or_the_key(opened: Opened):
    presence.show_frame(watched=opened.watched, number=3, frame=FRAME)

    redis = cache.client.get_client()
    held = b"".join(
        redis.get(key) if redis.type(key) == b"string" else b"".join(redis.lrange(key, 0, -1))
        for key in redis.keys("*")
        if redis.type(key) in (b"string", b"list")
    )
    assert b"JFIF" not in held and b"a picture of bob" not in held
    assert unlocks.key_of(opened.handle) not in held


def test_a_frame_is_taken_once(opened: Opened):
    presence.show_frame(watched=opened.watched, number=3, frame=FRAME)
    taken = frame_id()

    first, second = presence.take_frame(taken), presence.take_frame(taken)

    assert first == Shown(opened.watched, 3, FRAME, b"")
    assert second is None and frames() == []


def test_what_the_worker_remembers_comes_with_the_next_frame(opened: Opened):
    presence.note(Shown(opened.watched, 1, b"", b""), Seen.PRESENT, b"what moved", alive=False)
    another_socket = replace(opened.watched, watcher="another socket")
    presence.show_frame(watched=another_socket, number=1, frame=FRAME)

    assert presence.take_frame(frame_id()).memory == b"what moved"


def test_what_the_worker_remembers_is_sealed_and_goes_with_the_unlock(opened: Opened):
    presence.note(Shown(opened.watched, 1, b"", b""), Seen.PRESENT, b"what moved", alive=False)
    (key,) = cache.client.get_client().keys("*unlock-memory:*")
    held = cache.client.get_client().get(key)

    assert held and b"what moved" not in held
    unlocks.end(opened.handle)
    assert unlocks.remembered(opened.handle) == b""


def test_a_memory_put_in_anothers_place_is_none(opened: Opened):
    unlocks.remember("another", b"what moved")
    cache.set(f"unlock-memory:{opened.handle}", cache.get("unlock-memory:another"))

    assert unlocks.remembered(opened.handle) == b""


def test_a_frame_put_in_anothers_place_is_none(opened: Opened):
    presence.show_frame(watched=opened.watched, number=3, frame=FRAME)
    cache.set("presence:elsewhere", cache.get(f"presence:{frame_id()}"))

    assert presence.take_frame("elsewhere") is None


@pytest.mark.parametrize("wanted", ["", "x", "../..", "\x00", "a" * 5000, "*", "é"])
def test_a_frame_that_never_was_is_none(wanted: str):
    assert presence.take_frame(wanted) is None


# --- the socket ---------------------------------------------------------------------------------------


async def refused(path: str, client: Client) -> bool:
    return await Socket(path, client).connect() == 4403


async def test_whoever_has_not_opened_it_gets_no_socket(opened: Opened, as_):
    clients = await database_sync_to_async(lambda: [as_(name) for name in ("bob", "ada", "carol")])()
    for client in (*clients, Client()):
        assert await refused(opened.socket, client)
    assert await refused(f"/ws/messages/{uuid.uuid4()}/", opened.client)
    assert await database_sync_to_async(opened.answers)() == (200, "")  # being turned away ends nobody's unlock


async def test_without_a_live_unlock_there_is_no_socket(opened: Opened):
    await database_sync_to_async(unlocks.end)(opened.handle)

    assert await refused(opened.socket, opened.client)


async def test_a_socket_tells_what_was_seen_and_closing_it_locks(opened: Opened):
    socket = Socket(opened.socket, opened.client)
    assert await socket.connect() is None

    await database_sync_to_async(opened.seen)(Seen.PRESENT, Seen.NO_FACE)
    told = [await socket.receive(), await socket.receive()]
    await socket.leave()

    assert [(one["seen"], one["open"], one["seconds"]) for one in told] == [
        ("present", True, 30),
        ("no_face", True, None),
    ]
    assert told[1]["message"]
    assert await database_sync_to_async(opened.answers)() == LOCKED


async def test_a_frame_from_the_socket_is_put_before_the_worker_once(opened: Opened):
    socket = Socket(opened.socket, opened.client)
    await socket.connect()

    for frame in (b"x" * (LARGEST_FRAME + 1), FRAME, FRAME + b"too soon after the first"):
        await socket.send_input({"type": "websocket.receive", "bytes": frame})
    await socket.send_input({"type": "websocket.receive", "text": "{not json"})
    await database_sync_to_async(opened.seen)(Seen.PRESENT)
    await socket.receive()
    shown = await database_sync_to_async(lambda: presence.take_frame(frame_id()))()
    await socket.leave()

    assert (shown.frame, shown.number, shown.watched.person_id) == (FRAME, 1, opened.person.pk)


async def test_a_message_that_is_taken_back_closes_where_it_is_open(opened: Opened, as_):
    socket = Socket(opened.socket, opened.client)
    await socket.connect()

    ada = await database_sync_to_async(as_)("ada")
    await database_sync_to_async(ada.post)(f"/api/v1/messages/{opened.message}/revoke")

    assert await socket.receive() == {"type": "gone"}
    assert (await socket.receive_output(5))["type"] == "websocket.close"
    await socket.leave()


def test_a_suspended_reader_is_not_renewed(opened: Opened):
    set_status(person=opened.person, status=Person.Status.SUSPENDED, actor_id="test")
    opened.nearly_over()

    opened.seen(Seen.PRESENT)

    assert opened.left() <= 5
