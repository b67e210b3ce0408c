"""What the worker says about its models, kept where the web side can see it."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from apps.identities.models import ModelVersion


@transaction.atomic
def sync_model_versions(*, cards: list[dict[str, Any]]) -> None:
    """Write a row for each model, or bring its calibration up to date.

    Arguments:
        cards: with keys modality, name, pack, sha256, width, licence, calibration.
    """
    for card in cards:
        ModelVersion.objects.update_or_create(
            pack=card["pack"],
            modality=card["modality"],
            name=card["name"],
            sha256=card["sha256"],
            defaults={"width": card["width"], "licence": card["licence"], "calibration": card["calibration"]},
        )
