"""A capture comes in while the broker is down: refused in words, stored all the same, decided later."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps import dispatch
from apps.captures.bundle import Bundle
from apps.captures.models import Purpose
from apps.captures.services.tickets import issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.verification.models import Capture
from apps.verification.services import submit
from apps.verification.services.erase import erase_expired
from apps.verification.services.recover import take_up_lost_work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def send(**changed: object) -> Capture:
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me")
    values = {
        "bundle": Bundle(frames=[os.urandom(16)]),
        "nonce": ticket.nonce,
        "purpose": Purpose.LOGIN,
        "bound_to": "me",
        "claimed_name": "ada",
        "account_key": "key",
        "address": "127.0.0.1",
    }
    return submit.submit_capture(**(values | changed))


def queued() -> int:
    return cache.client.get_client().llen("captures")


def test_a_capture_that_the_broker_did_not_take_is_sent_again(monkeypatch: pytest.MonkeyPatch):
    from celery import current_app

    def away(*arguments: object, **options: object) -> None:
        raise ConnectionError("Redis is away")

    with monkeypatch.context() as broker:
        broker.setattr(current_app, "send_task", away)
        with pytest.raises(CosmicError) as refused:
            send()
    assert (refused.value.code, refused.value.status) == (ErrorCode.BROKER_UNAVAILABLE, 503)
    assert Capture.objects.get().status == Capture.Status.QUEUED
    assert queued() == 0

    Capture.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    take_up_lost_work()

    assert queued() == 1


def test_a_capture_is_put_on_the_broker_once():
    send()

    assert queued() == 1


def test_a_refused_nonce_leaves_no_content_behind():
    before = set(sealed_files())

    with pytest.raises(CosmicError):
        send(nonce="made-up")

    assert set(sealed_files()) == before
    assert not Capture.objects.exists()


def test_stored_content_is_sealed():
    capture = send(bundle=Bundle(frames=[b"a frame that can be read"]))

    (content,) = (path.read_bytes() for path in sealed_files() if path.name in capture.blob)
    assert b"can be read" not in content


def test_content_kept_by_policy_is_erased_in_time(settings):
    settings.ENV = replace(settings.ENV, capture_retention_days=1)
    capture = send()
    Capture.objects.update(status=Capture.Status.DONE, finished_at=timezone.now() - timedelta(days=2))

    erase_expired()

    with pytest.raises(FileNotFoundError):
        blobs.load(capture.blob)


def test_every_task_name_is_known_to_the_worker():
    import worker.tasks  # noqa: F401
    from authsite.celery import app

    assert set(dispatch.TASKS) <= set(app.tasks)


def test_a_fault_is_an_answer_in_the_one_shape(client: Client, monkeypatch: pytest.MonkeyPatch):
    client.raise_request_exception = False
    monkeypatch.setattr("apps.verification.views.issue_ticket", lambda **_: 1 / 0)

    answer = client.post("/login/ticket")

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")


def sealed_files():
    from django.conf import settings as django_settings

    return [path for path in (django_settings.STATE_DIR / "sealed").rglob("*") if path.is_file()]


def test_the_same_pictures_are_taken_once_whatever_the_nonce():
    pictures = Bundle(frames=[b"one", b"two"], frame_times=[0.0, 0.1])
    send(bundle=pictures)

    with pytest.raises(CosmicError) as refused:
        send(bundle=replace(pictures, frame_times=[0.0, 0.2], voice=b"another voice"))

    assert (refused.value.code, refused.value.status) == (ErrorCode.REPLAYED, 409)
    assert Capture.objects.count() == 1
