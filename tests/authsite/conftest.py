"""An operator at the admin, and a newcomer who resembles somebody."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.models import GalleryState, Person
from tests.factories import ModelVersionFactory, UserFactory, direction, enrolled


@pytest.fixture
def officer(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def case() -> DuplicateCase:
    GalleryState.objects.create(pk=1, pack="builtin")
    version = ModelVersionFactory()
    known, newcomer = (enrolled(version, [direction(seed)]) for seed in (1, 2))
    Person.objects.filter(pk=newcomer.pk).update(status=Person.Status.IN_REVIEW)
    job = EnrolmentJob.objects.create(person=newcomer, source="rest", status=EnrolmentJob.Status.IN_REVIEW)
    return DuplicateCase.objects.create(job=job, person=newcomer, resembles=known, modality="face", llr=9.0)
