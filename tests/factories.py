"""Rows for tests that need a database and no model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import factory
import numpy as np
from django.contrib.auth import get_user_model

from apps.access.roles import Role
from apps.access.services.accounts import create_account
from apps.access.services.tokens import make_token
from apps.identities.models import Consent, Modality, ModelVersion, Person
from apps.identities.services.templates import store_sample, store_template
from apps.permissions import Scope


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda number: f"person{number}")


def operator(*roles: Role, superuser: bool = False):
    """An operator's account."""
    return create_account(account=UserFactory.build(), roles=roles, superuser=superuser, actor=None)


def token_header(account, *scopes: Scope) -> dict[str, str]:
    """What a test client sends to come with a new token of an account."""
    made = make_token(account=account, label="test", scopes=scopes, life=timedelta(days=1), actor=None)
    return {"HTTP_AUTHORIZATION": f"Token {made.plain}"}


class PersonFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Person

    user = factory.SubFactory(UserFactory)
    status = Person.Status.ACTIVE


class ConsentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Consent

    person = factory.SubFactory(PersonFactory)
    version = "test"
    recorded_by = "test"


class ModelVersionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ModelVersion

    pack = "builtin"
    modality = Modality.FACE
    name = "dlib_resnet"
    sha256 = "0" * 64
    width = 128
    licence = "CC0-1.0"
    calibration = factory.LazyFunction(
        lambda: {"name": "test", "slope": 50.0, "offset": -40.0, "identities": 2, "trials": 2}
    )


def direction(seed: int, width: int = 128) -> np.ndarray:
    """A unit vector drawn by ``seed``."""
    vector = np.random.default_rng(seed).normal(size=width)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def enrolled(version: ModelVersion, vectors: Sequence[np.ndarray], **person: object) -> Person:
    """A person with these templates of one model."""
    made = PersonFactory(**person)
    ConsentFactory(person=made)
    for index, vector in enumerate(vectors):
        content = f"{made.pk}-{version.pk}-{index}".encode()
        sample, _ = store_sample(person=made, modality=version.modality, content=content, quality={}, source="test")
        store_template(sample=sample, model_version=version, vector=vector.tolist())
    return made
