"""Rows for tests that need a database and no model."""

from __future__ import annotations

from collections.abc import Sequence

import factory
import numpy as np
from django.contrib.auth import get_user_model

from apps.identities.models import Consent, Modality, ModelVersion, Person
from apps.identities.services.templates import store_sample, store_template


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = get_user_model()

    username = factory.Sequence(lambda number: f"person{number}")


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
