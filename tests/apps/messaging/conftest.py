from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from apps.captures.binding import session_binding
from apps.captures.models import Purpose
from apps.identities.models import Person
from apps.messaging.unlocks import unlock_binding
from apps.verification.models import Capture
from apps.verification.services.decide import VerdictData, record_decision
from tests.factories import ModelVersionFactory, direction, enrolled

Members = dict[str, Person]
Write = Callable[..., str]


@pytest.fixture
def people(db) -> Members:
    """Three who are enrolled."""
    version = ModelVersionFactory()
    return {
        name: enrolled(version, [direction(seed)], user__username=name)
        for seed, name in enumerate(("ada", "bob", "carol"))
    }


@pytest.fixture
def as_(people: Members) -> Callable[[str], Client]:
    """``as_("bob")``: a new browser in which bob is logged in."""

    def log_in(name: str) -> Client:
        client = Client()
        client.force_login(people[name].user)
        return client

    return log_in


@pytest.fixture
def write(as_) -> Write:
    """Ada writes to bob; gives the message's id."""

    def send(text: str = "the key is under the mat", *, sender: str = "ada", send: bool = True, **values) -> str:
        body = {"title": "About the key", "text": text, "recipients": ["bob"], "send": send} | values
        answer = as_(sender).post("/api/v1/messages", body, content_type="application/json")
        assert answer.status_code == 201, answer.json()
        return answer.json()["message"]["id"]

    return send


@pytest.fixture
def decided(people: Members) -> Callable[..., str]:
    """A capture that the cascade has decided, for a browser, a message and a person; gives its id."""

    def decide(
        client: Client, message: str, name: str, *, outcome: str = "GRANTED", purpose: str = Purpose.UNLOCK
    ) -> str:
        binding = session_binding(client.session.session_key)
        capture = Capture.objects.create(
            purpose=purpose,
            bound_to=unlock_binding(binding, message) if purpose == Purpose.UNLOCK else binding,
            claimed=people[name],
            account_key=uuid.uuid4().hex,
            blob="",
        )
        record_decision(
            capture=capture, verdict=VerdictData(outcome=outcome, person_id=people[name].pk, posterior=0.99)
        )
        return str(capture.public_id)

    return decide


@pytest.fixture
def unlock(decided) -> Callable[..., object]:
    """Open a message as whoever is logged in there, with a capture of theirs."""

    def open_message(client: Client, message: str, name: str, *, code: str = "", **how):
        capture = decided(client, message, name, **how)
        body = {"capture": capture, "code": code}
        return client.post(f"/api/v1/messages/{message}/open", body, content_type="application/json")

    return open_message
