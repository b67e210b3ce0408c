"""The live monitor: captures as they run, for operators who may watch and as long as they may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import Permission
from django.test import Client

from apps.audit.models import Event
from apps.verification.models import Capture
from apps.verification.monitor import NOT_ALLOWED, MonitorConsumer
from apps.verification.services.decide import VerdictData, record_decision
from apps.verification.services.progress import publish_stage
from tests.factories import PersonFactory, UserFactory
from tests.sockets import WAIT, Socket

ADDRESS = "/ws/monitor/"
STAGE = {"stage": "liveness", "outcome": "refused", "reason": "not_live", "llr": -2.0, "milliseconds": 12.4}
EVIDENCE = {"gates": {"picture": {"cues": {"moire": 7.25}}}}


@pytest.fixture
def watcher(transactional_db):
    user = UserFactory(username="watcher", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_scanner_monitor"))
    return user


@pytest.fixture
def run(transactional_db) -> Callable[..., Capture]:
    def make(**values: object) -> Capture:
        values = {"purpose": "login", "bound_to": "x", "address": "192.0.2.7", "claimed": PersonFactory()} | values
        return Capture.objects.create(**values)

    return make


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MonitorConsumer, "STEP", 0.01)


@pytest.fixture
async def socket(client: Client, watcher) -> AsyncIterator[Socket]:
    await database_sync_to_async(client.force_login)(watcher)
    opened = Socket(ADDRESS, client)
    assert await opened.connect() is None
    yield opened
    await opened.leave()


async def next_captures(socket: Socket) -> list[dict]:
    return (await socket.receive())["captures"]


async def test_what_ran_before_is_shown_at_once(run, client: Client, watcher):
    await database_sync_to_async(client.force_login)(watcher)
    old = await database_sync_to_async(run)()
    unknown = await database_sync_to_async(run)(claimed=None)
    socket = Socket(ADDRESS, client)
    await socket.connect()

    shown = await next_captures(socket)

    assert [one["number"] for one in shown] == [unknown.pk, old.pk]
    assert shown[0]["claimed"] == "a name that nobody has"
    assert (shown[1]["claimed"], shown[1]["address"]) == (old.claimed.user.username, "192.0.2.7")
    await socket.leave()


async def test_stages_and_decision_come_as_they_fall(socket: Socket, run):
    assert await next_captures(socket) == []
    capture = await database_sync_to_async(run)(status=Capture.Status.RUNNING)

    await database_sync_to_async(publish_stage)(capture, 0, STAGE | {"evidence": EVIDENCE})
    (staged,) = await next_captures(socket)
    verdict = VerdictData(outcome="DENIED", reason="not_live")
    await database_sync_to_async(record_decision)(capture=capture, verdict=verdict)
    (decided,) = await next_captures(socket)

    assert staged["decision"] is None
    assert staged["stages"] == [{"stage": "liveness", "outcome": "refused", "reason": "not_live", "milliseconds": 12}]
    assert decided["decision"] == {"outcome": "DENIED", "reason": "not_live"}


async def test_opening_is_an_event(socket: Socket, watcher):
    await next_captures(socket)

    event = await Event.objects.aget(action="monitor.opened")
    assert event.actor_id == str(watcher.pk)


@pytest.mark.parametrize("who", ["nobody", "plain account", "operator without the permission", "suspended"])
async def test_others_are_turned_away(client: Client, watcher, who: str):
    def log_in() -> None:
        if who == "plain account":
            watcher.is_staff = False
            watcher.save()
        if who == "operator without the permission":
            watcher.user_permissions.clear()
        if who != "nobody":
            client.force_login(watcher)
        if who == "suspended":
            type(watcher).objects.update(is_active=False)

    await database_sync_to_async(log_in)()

    assert await Socket(ADDRESS, client).connect() == NOT_ALLOWED
    assert not await Event.objects.filter(action="monitor.opened").aexists()


@pytest.mark.parametrize("how", ["suspended", "permission taken", "logged out", "password changed"])
async def test_whoever_may_not_watch_any_more_sees_nothing_more(socket: Socket, client: Client, watcher, run, how: str):
    await next_captures(socket)

    def end() -> None:
        if how == "suspended":
            type(watcher).objects.update(is_active=False)
        elif how == "permission taken":
            watcher.user_permissions.clear()
        elif how == "logged out":
            client.logout()
        else:
            watcher.set_password("another one, quite long")
            watcher.save()
        publish_stage(run(), 0, STAGE | {"evidence": EVIDENCE})

    await database_sync_to_async(end)()

    assert (await socket.receive_output(WAIT)) == {"type": "websocket.close", "code": NOT_ALLOWED}


async def test_a_quiet_monitor_looks_again(client: Client, watcher, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(MonitorConsumer, "RECHECK", 0.05)
    await database_sync_to_async(client.force_login)(watcher)
    socket = Socket(ADDRESS, client)
    await socket.connect()
    await next_captures(socket)
    await database_sync_to_async(type(watcher).objects.update)(is_active=False)

    assert await socket.closed() == NOT_ALLOWED


def test_a_capture_does_not_suffer_when_nobody_can_be_told(run, settings):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://localhost:1"]},
        }
    }
    capture = run()

    publish_stage(capture, 0, STAGE | {"evidence": EVIDENCE})

    assert capture.stages.count() == 1


@pytest.mark.django_db
def test_the_page_holds_no_capture_and_no_inline_script(client: Client, watcher, run):
    capture = run()
    client.force_login(watcher)

    page = client.get("/admin/monitor/").content.decode()

    assert "js/monitor.js" in page
    assert capture.claimed.user.username not in page
    assert 'data-attempts=""' in page  # may watch, but not open an attempt


@pytest.mark.django_db
def test_the_page_is_for_those_who_may_watch(client: Client):
    client.force_login(UserFactory(is_staff=True))

    assert client.get("/admin/monitor/").status_code == 403
