"""1:N search as a deployment on SQLite does it, against plain numpy in the same run."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import numpy as np
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from apps.identities import gallery
from apps.identities.gallery import StoredGallery
from apps.identities.models import GalleryState, Person, Sample, Template
from apps.identities.sealed_vectors import seal_vector
from authsite import embedded
from tests.bench.numbers import milliseconds, table
from tests.factories import ModelVersionFactory

SIZES = (1_000, 10_000, 100_000)
WIDTH = 512
LIMIT = 10


def report(folder: Path) -> None:
    redis = subprocess.Popen(embedded.redis_command(settings.ENV), stdout=subprocess.DEVNULL)
    try:
        call_command("migrate", verbosity=0)
        GalleryState.objects.update_or_create(pk=1, defaults={"pack": "edgeface"})
        version = ModelVersionFactory(pack="edgeface", name="edgeface_xs", width=WIDTH)
        rows, stored = [], 0
        for size in SIZES:
            fill(version, stored, size)
            stored = size
            rows.append(measured(size))
    finally:
        redis.terminate()
    table(
        f"1:N search on SQLite, {WIDTH}-D, one template a person (ms)",
        [
            "templates",
            "search median",
            "search p95",
            "plain numpy median",
            "ratio",
            "first search (opens all templates), s",
        ],
        rows,
    )


def fill(version, have: int, want: int) -> None:
    vectors = np.random.default_rng(want).normal(size=(want - have, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    users = get_user_model().objects.bulk_create(
        [get_user_model()(username=f"p{number}") for number in range(have, want)], batch_size=2000
    )
    people = Person.objects.bulk_create(
        [Person(user=user, status=Person.Status.ACTIVE) for user in users], batch_size=2000
    )
    samples = Sample.objects.bulk_create(
        [
            Sample(person=person, modality="face", blob="", fingerprint=f"{person.pk:064d}", quality={}, source="bench")
            for person in people
        ],
        batch_size=2000,
    )
    templates = (
        Template(
            sample=sample,
            person_id=sample.person_id,
            model_version=version,
            sealed_vector=seal_vector(vector.tolist(), sample_id=sample.pk, model_version_id=version.pk),
        )
        for sample, vector in zip(samples, vectors, strict=True)
    )
    Template.objects.bulk_create(templates, batch_size=2000)
    GalleryState.objects.update(version=want)


def measured(size: int) -> list[object]:
    probe = np.random.default_rng(0).normal(size=WIDTH).astype(np.float32)
    probe /= np.linalg.norm(probe)
    gallery._matrices.clear()
    started = time.perf_counter()
    StoredGallery("edgeface").search("face", probe, LIMIT)
    first = time.perf_counter() - started
    (matrix,) = gallery._matrices.values()
    references = np.ascontiguousarray(matrix.references)

    ours = milliseconds(lambda: StoredGallery("edgeface").search("face", probe, LIMIT), times=40)
    plain = milliseconds(lambda: np.argsort(-(references @ probe))[:LIMIT], times=40)
    ratio = np.median(ours) / np.median(plain)
    return [
        f"{size:,}",
        f"{np.median(ours):.2f}",
        f"{np.percentile(ours, 95):.2f}",
        f"{np.median(plain):.2f}",
        f"{ratio:.2f}",
        f"{first:.1f}",
    ]
