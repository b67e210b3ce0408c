"""What this app has sealed, for a rotation of the master key."""

from __future__ import annotations

from apps.identities import root_secret, sealed_traces, sealed_vectors
from apps.identities.models import CaptureTrace, RootSecret, SecurityQuestion, Template
from apps.identities.services import questions
from apps.identities.services.resealing import Sealed, sealed_files, sealed_rows


def sealed_here() -> list[Sealed]:
    return [
        sealed_rows(
            name="root secret",
            rows=RootSecret.objects.all,
            field="sealed",
            purpose=root_secret.PURPOSE,
            place=lambda row: root_secret.PLACE,
            last=True,
        ),
        sealed_rows(
            name="templates",
            rows=lambda: Template.objects.only("sample_id", "model_version_id", "sealed_vector"),
            field="sealed_vector",
            purpose=sealed_vectors.PURPOSE,
            place=sealed_vectors.place_of,
        ),
        sealed_rows(
            name="traces",
            rows=CaptureTrace.objects.all,
            field="sealed",
            purpose=sealed_traces.PURPOSE,
            place=lambda trace: sealed_traces.place_of(trace.person_id),
        ),
        sealed_rows(
            name="security questions",
            rows=SecurityQuestion.objects.all,
            field="question",
            purpose=questions.PURPOSE,
            place=lambda one: questions.question_place(one.person_id),
        ),
        sealed_rows(
            name="answers to security questions",
            rows=SecurityQuestion.objects.all,
            field="answer",
            purpose=questions.PURPOSE,
            place=lambda one: questions.answer_place(one.person_id),
        ),
        sealed_files(name="samples", folder="samples"),
    ]
