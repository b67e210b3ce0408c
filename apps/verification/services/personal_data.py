"""What is stored about a person: shown to them, handed over, forgotten.

Articles 15, 17 and 20 of the GDPR are what a person in Europe would ask for; the rules here are the same for everybody.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from dataclasses import dataclass

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.audit.models import Event
from apps.audit.services.export import as_values
from apps.audit.services.record import record_event
from apps.captures import bundle
from apps.identities import blobs
from apps.identities.models import Person, Sample
from apps.identities.sealed_vectors import open_vector
from apps.identities.services.questions import open_question
from apps.identities.signals import Gathered, gathering
from apps.verification.models import AttemptLabel, Capture, Decision, StageRecord, VerdictReview

REMOVED = "(removed with the person)"  # a rejected verdict has a note, and keeps that it had one
ENDINGS = {b"\x89PNG": ".png", b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"\xff\xd8\xff\xe0": ".jpg"}


@dataclass(frozen=True, slots=True)
class Stored:
    """Counts for the account page."""

    samples: int
    templates: int
    questions: int
    traces: int
    captures: int
    decisions: int
    events: int
    others: tuple[Gathered, ...]


def stored_about(person: Person) -> Stored:
    captures = captures_of(person)
    return Stored(
        samples=person.samples.count(),
        templates=person.templates.count(),
        questions=person.questions.count(),
        traces=person.traces.count(),
        captures=captures.exclude(blob="").count(),
        decisions=Decision.objects.filter(capture__in=captures).count(),
        events=_events_about(person).count(),
        others=gathered_about(person),
    )


def gathered_about(person: Person) -> tuple[Gathered, ...]:
    """What other parts of the house know of the person."""
    answers: list[object] = [answer for _, answer in gathering.send(Person, person=person)]
    return tuple(answer for answer in answers if isinstance(answer, Gathered))


def captures_of(person: Person) -> QuerySet[Capture]:
    """Those that claimed to be the person, those in which they were recognised, and those that show them as an operator
    has labelled them."""
    about = Q(claimed=person) | Q(decision__person=person) | Q(label__subject=person)
    return Capture.objects.filter(about).distinct()


def export_zip(*, person: Person, actor_id: object) -> bytes:
    """Everything about a person as a ZIP archive, opened. It is made in memory: plain biometrics never touch the disk."""
    record_event(action="person.exported", actor_id=actor_id, subject_id=person.public_id)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", _json(_about(person)))
        for sample in person.samples.order_by("pk"):
            content = blobs.load(sample.blob)
            archive.writestr(f"samples/{sample.modality}-{sample.pk}{_ending(content)}", content)
        for capture in captures_of(person).order_by("pk"):
            _add_capture(archive, capture)
    return buffer.getvalue()


def forget_captures(person: Person) -> None:
    """Erase what captures of the person still hold: their content, and what the stages measured in it. That there was a
    decision stays, without the person."""
    captures = list(captures_of(person))
    names = [capture.blob for capture in captures if capture.blob]
    StageRecord.objects.filter(capture__in=captures).update(evidence={}, llr=None)
    Capture.objects.filter(pk__in=[capture.pk for capture in captures]).update(blob="")
    transaction.on_commit(lambda: blobs.erase_all(names))


def forget_names(person: Person) -> None:
    """When the account goes: what operators wrote in their own words about the person's attempts, the digest of the
    claimed name, where the captures came from, and the name in the admin's own log."""
    captures = list(captures_of(person).values_list("pk", flat=True))
    Capture.objects.filter(pk__in=captures).update(account_key="", address=None)
    AttemptLabel.objects.filter(capture__in=captures).update(note="")
    VerdictReview.objects.filter(capture__in=captures).update(note=REMOVED)
    for row in (person, person.user):
        kind = ContentType.objects.get_for_model(row)
        LogEntry.objects.filter(content_type=kind, object_id=str(row.pk)).delete()


def _about(person: Person) -> dict[str, object]:
    return {
        "person": str(person.public_id),
        "user name": person.user.get_username(),
        "status": person.status,
        "since": person.created_at.isoformat(),
        "consents": list(person.consents.values("version", "given_at", "withdrawn_at")),
        "samples": [_sample(sample) for sample in person.samples.order_by("pk")],
        "traces of earlier captures (fingerprints of pictures and sound, and templates)": person.traces.count(),
        "questions": [open_question(question).question for question in person.questions.all()],
        "decisions": list(
            Decision.objects.filter(capture__in=captures_of(person)).values("at", "outcome", "reason", "posterior")
        ),
        **{one.title: one.values for one in gathered_about(person)},
        "audit events": [as_values(event) for event in _events_about(person).order_by("sequence")],
    }


def _sample(sample: Sample) -> dict[str, object]:
    """With its templates as numbers: they too are data about the person."""
    templates = [
        {"model": str(template.model_version), "template": _numbers(open_vector(template))}
        for template in sample.templates.select_related("model_version")
    ]
    return {
        "sample": sample.pk,
        "kind": sample.modality,
        "from": sample.source,
        "at": sample.created_at,
        "quality": sample.quality,
        "templates": templates,
    }


def _add_capture(archive: zipfile.ZipFile, capture: Capture) -> None:
    stages = list(capture.stages.values("position", "name", "outcome", "reason", "llr", "evidence"))
    values = {"at": capture.created_at, "purpose": capture.purpose, "address": capture.address, "stages": stages}
    archive.writestr(f"captures/{capture.public_id}/about.json", _json(values))
    if not capture.blob:
        return
    content = bundle.unpack(blobs.load(capture.blob))
    for index, frame in enumerate(content.frames):
        archive.writestr(f"captures/{capture.public_id}/{index:04d}{_ending(frame)}", frame)
    if content.voice is not None:
        archive.writestr(f"captures/{capture.public_id}/voice{_ending(content.voice)}", content.voice)


def _events_about(person: Person) -> QuerySet[Event]:
    account = str(person.user_id)
    return Event.objects.filter(Q(subject_id__in=[str(person.public_id), account]) | Q(actor_id=account))


def _json(values: object) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False, default=str)


def _numbers(packed: bytes) -> list[float]:
    return [round(value, 6) for value in struct.unpack(f"<{len(packed) // 4}f", packed)]


def _ending(content: bytes) -> str:
    if content.startswith(b"\xff\xd8"):
        return ".jpg"
    return ENDINGS.get(content[:4], ".webp" if content[8:12] == b"WEBP" else ".bin")
