"""Templates: sealed on the way in, opened on the way out, and always of one model version."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction
from django.db.models import F

from apps.identities import blobs
from apps.identities.models import GalleryState, ModelVersion, Person, Sample, Template
from apps.identities.sealed_vectors import seal_vector
from apps.identities.vault import keyed_digest


@transaction.atomic
def store_sample(
    *, person: Person, modality: str, content: bytes, quality: dict[str, float], source: str
) -> tuple[Sample, bool]:
    """Keep one sample, sealed; the same content of the same person is kept once. Returns it and whether it is new."""
    fingerprint = fingerprint_of(content)
    known = Sample.objects.filter(person=person, modality=modality, fingerprint=fingerprint).first()
    if known is not None:
        return known, False
    blob = blobs.store(content, purpose="samples")
    sample = Sample.objects.create(
        person=person, modality=modality, blob=blob, fingerprint=fingerprint, quality=quality, source=source
    )
    return sample, True


def fingerprint_of(content: bytes) -> str:
    return keyed_digest(content, purpose="samples")


@transaction.atomic
def store_template(*, sample: Sample, model_version: ModelVersion, vector: Sequence[float]) -> Template:
    """Store the embedding of a sample, in place of an earlier one by the same model.

    Raises:
        ValueError: the vector has not the width of the model.
    """
    if len(vector) != model_version.width:
        raise ValueError(f"{model_version} gives {model_version.width} values, not {len(vector)}")
    template, _ = Template.objects.update_or_create(
        sample=sample,
        model_version=model_version,
        defaults={
            "person": sample.person,
            "sealed_vector": seal_vector(vector, sample_id=sample.pk, model_version_id=model_version.pk),
            "search_vector": searchable(vector) if connection.vendor == "postgresql" else None,
        },
    )
    touch_gallery()
    return template


def searchable(vector: Sequence[float]) -> list[float]:
    """The vector turned by the secret rotation of its width, for search inside PostgreSQL.

    A rotation keeps cosines. It hides which person a vector shows from whoever has the database alone and no model
    output to compare with; it is no encryption (docs/decisions/0003-gallery.md).
    """
    from apps.identities.rotation import rotated  # numpy: only workers come here

    return rotated(vector)


def touch_gallery() -> None:
    """Say that templates have changed, so that workers refresh what they hold in memory."""
    GalleryState.objects.get_or_create(pk=1)
    GalleryState.objects.filter(pk=1).update(version=F("version") + 1)
