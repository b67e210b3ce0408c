"""What the tests of key rotation share: somebody of whom there is one of everything that is sealed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from allauth.mfa.models import Authenticator

from apps.identities import blobs
from apps.identities.models import CaptureTrace, Person, RootSecret, SecurityQuestion
from apps.identities.sealed_secrets import open_secret
from apps.identities.sealed_traces import open_traces
from apps.identities.sealed_vectors import open_vector
from apps.identities.services.master_key import Rotation, rotate_master_key
from apps.identities.services.questions import OpenQuestion, open_question
from apps.identities.vault import unseal
from apps.verification.models import Capture, CognitiveChallenge
from apps.verification.services import answers

QUESTION = OpenQuestion("What was the name of my first cat?", "Minka")
CAPTURE = b"a whole capture"


def rotate(*, drop_old: bool = True, progress: Callable[[str, int, int], None] = lambda *_: None) -> Rotation:
    return rotate_master_key(drop_old=drop_old, settle=0, actor_id="test", progress=progress)


def all_that_opens(person: Person) -> dict[str, object]:
    """Everything about a person in the clear."""
    challenge = CognitiveChallenge.objects.get()
    factors = {factor.type: factor.wrap() for factor in Authenticator.objects.filter(user=person.user)}
    return {
        "templates": [open_vector(template) for template in person.templates.order_by("pk")],
        "samples": [blobs.load(sample.blob) for sample in person.samples.order_by("pk")],
        "traces": open_traces(person.pk),
        "question": open_question(person.questions.get()),
        "capture": blobs.load(Capture.objects.get().blob),
        "answer": unseal(challenge.sealed_answer, purpose=answers.PURPOSE, bound_to=answers.place_of(challenge)),
        "authenticator": open_secret(factors[Authenticator.Type.TOTP].instance.data["secret"]),
        "codes": factors[Authenticator.Type.RECOVERY_CODES].generate_codes(),
    }


def all_sealed(person: Person) -> list[bytes]:
    """Every sealed value there is."""
    question, challenge = SecurityQuestion.objects.get(), CognitiveChallenge.objects.get()
    files = [*(sample.blob for sample in person.samples.all()), Capture.objects.get().blob]
    return [
        RootSecret.objects.get().sealed,
        *person.templates.values_list("sealed_vector", flat=True),
        *CaptureTrace.objects.values_list("sealed", flat=True),
        question.question,
        question.answer,
        challenge.sealed_answer,
        *(Path(blobs.storages["sealed"].path(name)).read_bytes() for name in files),
    ]


class Killed(BaseException):
    """What a signal does to a process in the middle of it."""
