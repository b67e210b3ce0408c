"""What is kept of a person's earlier captures to know one of them again: the newest only, gone with the consent."""

from __future__ import annotations

from apps.identities.models import CaptureTrace, Person
from apps.identities.sealed_traces import seal_trace
from apps.policies.selectors import current_policy


def keep_trace(*, person: Person, content: bytes) -> None:
    """Keep one more, and drop the oldest beyond what policy remembers."""
    memory = current_policy().replay_memory
    CaptureTrace.objects.create(person=person, sealed=seal_trace(content, person_id=person.pk))
    kept = CaptureTrace.objects.filter(person=person).values_list("pk", flat=True)[:memory]
    CaptureTrace.objects.filter(person=person).exclude(pk__in=list(kept)).delete()
