"""A gallery, and somebody who has been invited."""

from __future__ import annotations

import pytest

from apps.identities.models import GalleryState, Person
from tests.factories import ConsentFactory, ModelVersionFactory, PersonFactory


@pytest.fixture(autouse=True)
def version(db):
    GalleryState.objects.create(pk=1, pack="builtin")
    ModelVersionFactory(modality="voice", name="resemblyzer", width=256, sha256="3" * 64)
    return ModelVersionFactory()


@pytest.fixture
def newcomer(db) -> Person:
    person = PersonFactory(status=Person.Status.INVITED)
    ConsentFactory(person=person)
    return person
