"""Embeddings as they lie in the database: little-endian float32, sealed, bound to sample and model."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from apps.identities.models import Template
from apps.identities.vault import seal, unseal

PURPOSE = "templates"


def seal_vector(vector: Sequence[float], *, sample_id: int, model_version_id: int) -> bytes:
    packed = struct.pack(f"<{len(vector)}f", *(float(value) for value in vector))
    return seal(packed, purpose=PURPOSE, bound_to=_place(sample_id, model_version_id))


def open_vector(template: Template) -> bytes:
    """The embedding as little-endian float32 bytes.

    Raises:
        apps.identities.vault.Unsealable: the row was changed, or belongs elsewhere.
    """
    return unseal(template.sealed_vector, purpose=PURPOSE, bound_to=place_of(template))


def place_of(template: Template) -> str:
    """What a template's vector is bound to."""
    return _place(template.sample_id, template.model_version_id)


def _place(sample_id: int, model_version_id: int) -> str:
    return f"sample:{sample_id}|model:{model_version_id}"
