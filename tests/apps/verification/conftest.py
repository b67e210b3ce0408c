from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from apps.captures.models import Purpose
from apps.identities.models import Person
from apps.identities.services.questions import OpenQuestion, set_questions
from apps.verification.models import Capture
from tests.factories import PersonFactory

QUESTION = OpenQuestion("What was the name of my first cat?", "Minka")


@pytest.fixture
def person(db) -> Person:
    made = PersonFactory()
    set_questions(person=made, questions=[QUESTION], actor_id="test")
    return made


@pytest.fixture
def new_capture(db) -> Callable[..., Capture]:
    def make(**values: object) -> Capture:
        defaults = {"purpose": Purpose.LOGIN, "bound_to": "me", "account_key": uuid.uuid4().hex, "blob": ""}
        return Capture.objects.create(**(defaults | values))

    return make
