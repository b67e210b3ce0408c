"""What is kept of earlier captures: sealed, the newest only, gone with the consent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.identities.models import CaptureTrace
from apps.identities.sealed_traces import open_traces
from apps.identities.services.consent import withdraw_consent
from apps.identities.services.traces import keep_trace
from tests.factories import PersonFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_newest_are_kept_and_the_oldest_dropped(settings):
    settings.ENV = replace(settings.ENV, replay_memory=3)
    person = PersonFactory()

    for number in range(5):
        keep_trace(person=person, content=f"trace {number}".encode())

    assert open_traces(person.pk) == [b"trace 4", b"trace 3", b"trace 2"]


def test_they_lie_sealed():
    keep_trace(person=PersonFactory(), content=b"what the camera saw")

    assert b"camera" not in bytes(CaptureTrace.objects.get().sealed)


def test_another_persons_trace_is_passed_over():
    first, second = PersonFactory(), PersonFactory()
    keep_trace(person=first, content=b"of the first")
    CaptureTrace.objects.update(person=second)

    assert open_traces(second.pk) == []


def test_they_go_with_the_consent():
    person, other = PersonFactory(), PersonFactory()
    keep_trace(person=person, content=b"gone")
    keep_trace(person=other, content=b"stays")

    withdraw_consent(person=person, actor_id="")

    assert open_traces(person.pk) == []
    assert open_traces(other.pk) == [b"stays"]


def test_they_go_with_the_person():
    person = PersonFactory()
    keep_trace(person=person, content=b"gone")

    person.delete()

    assert not CaptureTrace.objects.exists()
