"""What is shown of a person's biometrics."""

from __future__ import annotations

from django.db.models import Count

from apps.identities.models import Modality, Person


def sample_counts(person: Person | None) -> dict[str, int]:
    """Stored samples by modality; zeros for somebody who never enrolled."""
    counts = dict.fromkeys(Modality.values, 0)
    if person is not None:
        counts |= dict(person.samples.values_list("modality").annotate(Count("pk")))
    return counts
