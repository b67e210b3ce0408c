"""What is kept of a person's earlier captures to know one of them again: the newest only, gone with the consent."""

from __future__ import annotations

from django.conf import settings

from apps.identities.models import CaptureTrace, Person
from apps.identities.sealed_traces import seal_trace


def keep_trace(*, person: Person, content: bytes) -> None:
    """Keep one more, and drop the oldest beyond ``COSMIC_REPLAY_MEMORY``."""
    CaptureTrace.objects.create(person=person, sealed=seal_trace(content, person_id=person.pk))
    kept = CaptureTrace.objects.filter(person=person).values_list("pk", flat=True)[: settings.ENV.replay_memory]
    CaptureTrace.objects.filter(person=person).exclude(pk__in=list(kept)).delete()
