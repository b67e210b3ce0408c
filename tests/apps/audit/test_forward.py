"""Events to a SIEM over HTTP: signed, each once, tried again with pauses, dead letters kept and sent again by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from environs import EnvError

from apps.audit.models import DeadLetter, Forwarding
from apps.audit.services import forward
from apps.audit.services.forward import BATCH, FIRST_PAUSE, MOST_FAILURES, forward_events
from apps.audit.services.record import record_event
from authsite.env import read_environment
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SECRET = "only the receiver knows it"


@dataclass
class Receiver:
    """A SIEM: answers ``status`` and keeps what it was sent."""

    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def sequences(self) -> list[int]:
        return [json.loads(line)["sequence"] for body in self.bodies for line in body.splitlines()]


@pytest.fixture
def siem(settings) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == 200:
                receiver.bodies.append(body)
                receiver.headers.append(dict(self.headers))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/events"
    settings.ENV = replace(settings.ENV, audit_webhook_url=url, audit_webhook_secret=SECRET)
    yield receiver
    server.shutdown()
    server.server_close()


def write(count: int) -> None:
    for _ in range(count):
        record_event(action="test.written")


def pass_the_pause() -> None:
    Forwarding.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_each_event_is_sent_once_in_order(siem: Receiver):
    write(5)
    assert forward_events() == 5
    write(2)
    assert forward_events() == 2
    assert forward_events() == 0

    assert siem.sequences == [1, 2, 3, 4, 5, 6, 7]


def test_many_events_go_in_batches(siem: Receiver):
    write(BATCH + 3)

    assert [forward_events(), forward_events(), forward_events()] == [BATCH, 3, 0]


def test_the_receiver_can_check_who_sent_it_and_when(siem: Receiver):
    write(1)
    forward_events()

    sent = siem.headers[0]
    signed = sent["X-Cosmic-Timestamp"].encode() + b"." + siem.bodies[0]
    assert sent["X-Cosmic-Signature"] == "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()


def test_a_refusal_is_tried_again_after_growing_pauses(siem: Receiver):
    siem.status = 503
    write(1)
    pauses = []
    for _ in range(3):
        assert forward_events() == 0
        state = Forwarding.objects.get()
        pauses.append(round((state.next_try_at - timezone.now()).total_seconds()))
        assert forward_events() == 0  # not before its time
        assert Forwarding.objects.get().failures == state.failures
        pass_the_pause()

    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert Forwarding.objects.get().last_error == "HTTP 503"
    siem.status = 200
    assert forward_events() == 1
    assert Forwarding.objects.get().failures == 0


def test_what_is_refused_too_often_is_kept_as_a_dead_letter_and_the_rest_goes_on(siem: Receiver, client: Client):
    siem.status = 400
    write(2)
    for _ in range(MOST_FAILURES):
        forward_events()
        pass_the_pause()
    siem.status = 200
    write(1)
    assert forward_events() == 1

    letter = DeadLetter.objects.get()
    assert (letter.first, letter.last, letter.error, siem.sequences) == (1, 2, "HTTP 400", [3])
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    page = reverse("admin:audit_deadletter_changelist")
    assert "HTTP 400" in client.get(page).content.decode()
    client.post(page, {"action": "send_again", "_selected_action": [letter.pk]})
    letter.refresh_from_db()
    assert (letter.error, letter.sent_at is not None, siem.sequences) == ("", True, [3, 1, 2])


def test_a_receiver_that_is_not_there_is_no_fault_here(settings):
    url = "http://127.0.0.1:1/nobody"
    settings.ENV = replace(settings.ENV, audit_webhook_url=url, audit_webhook_secret=SECRET)
    write(1)

    assert forward_events() == 0

    assert Forwarding.objects.get().last_error == "ConnectError"


def test_two_workers_do_not_send_the_same(siem: Receiver):
    write(1)
    Forwarding.objects.create(pk=1, next_try_at=timezone.now() + forward.LEASE)

    assert forward_events() == 0

    assert siem.bodies == []


def test_nothing_is_sent_where_nobody_listens():
    write(1)

    assert forward_events() == 0


def test_a_webhook_without_a_secret_stops_the_start(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COSMIC_AUDIT_WEBHOOK_URL", "https://siem.example/events")
    with pytest.raises(EnvError, match="COSMIC_AUDIT_WEBHOOK_SECRET"):
        read_environment(dotenv=None)
