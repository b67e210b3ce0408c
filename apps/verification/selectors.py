"""What is shown of a capture, and to whom."""

from __future__ import annotations

import contextlib
import uuid
from dataclasses import dataclass

from apps.captures.models import Purpose
from apps.errors import SENTENCES, CosmicError, ErrorCode
from apps.identities.services.questions import open_question
from apps.permissions import Scope
from apps.verification.models import AttemptLabel, Capture, CognitiveChallenge, Decision, Outcome, StageRecord

# Guidance on these may be shown to anybody: it helps the person in front of the camera and names no factor of the match.
GUIDED_STAGES = {"liveness", "deepfake"}
# A name that nobody has ends one stage earlier: to anybody else these two are one, without times.
VEILED_STAGES = ("fusion", "confidence")
GRANTED_SENTENCE = "Welcome."
SECOND_FACTOR_SENTENCE = "One more step: please confirm with your second factor."
# The capture could not be judged: said as it is, since it tells nothing about accounts.
SAID_TO_ANYBODY = {
    code
    for code in ErrorCode
    if code.value.startswith(("image_", "audio_", "face_", "light_"))
    or code
    in {
        ErrorCode.NO_FACE,
        ErrorCode.SEVERAL_FACES,
        ErrorCode.NO_SPEECH,
        ErrorCode.MODALITY_MISSING,
        ErrorCode.MODEL_MISSING,
        ErrorCode.NOT_LIVE,
        ErrorCode.NO_BLINK,
        ErrorCode.BLINKS_NOT_SEEN,
        ErrorCode.TURN_NOT_SEEN,
        ErrorCode.DIGITS_NOT_HEARD,
        ErrorCode.LIPS_NOT_SPEAKING,
        ErrorCode.STREAM_NOT_LIVE,
        ErrorCode.VOICE_NOT_NATURAL,
        ErrorCode.TOO_FEW_FRAMES,
        ErrorCode.MANIPULATED,
        ErrorCode.TIMED_OUT,
        ErrorCode.INTERNAL,
    }
}


# What a token needs to see a capture.
SCOPE_OF = {
    Purpose.LOGIN: Scope.VERIFY,
    Purpose.VERIFY: Scope.VERIFY,
    Purpose.IDENTIFY: Scope.IDENTIFY,
    Purpose.ENROL: Scope.ENROL,
    Purpose.UNLOCK: Scope.MESSAGES,
}


@dataclass(frozen=True, slots=True)
class LabelledAttempt:
    """An attempt that an operator has labelled.

    Arguments:
        instrument: of the attack, empty for a bona fide attempt.
        subject: whose face or voice it shows, or the attempt's own name where nobody said.
        cues: by gate, what it measured.
    """

    instrument: str
    subject: str
    cues: dict[str, dict[str, float]]


def labelled_attempts() -> list[LabelledAttempt]:
    labels = AttemptLabel.objects.select_related("capture").prefetch_related("capture__stages").order_by("pk")
    return [
        LabelledAttempt(
            instrument=label.instrument,
            subject=f"person {label.subject_id or label.capture.claimed_id or f'of {label.capture.public_id}'}",
            cues={
                gate: values.get("cues", {})
                for stage in label.capture.stages.all()
                for gate, values in stage.evidence.get("gates", {}).items()
            },
        )
        for label in labels
    ]


def capture_of(*, public_id: str, bound_to: str) -> Capture:
    """The capture, when it belongs to whoever asks.

    Raises:
        CosmicError: ``not_found``, the same for somebody else's.
    """
    with contextlib.suppress(ValueError):
        found = Capture.objects.filter(public_id=uuid.UUID(str(public_id)), bound_to=bound_to).first()
        if found is not None:
            return found
    raise CosmicError(ErrorCode.NOT_FOUND, status=404)


def job_values(capture: Capture, *, full: bool) -> dict[str, object]:
    """A capture as its owner sees it; ``full`` adds scores, evidence and candidates, for operators."""
    decision = Decision.objects.select_related("person__user").filter(capture=capture).first()
    challenge = CognitiveChallenge.objects.select_related("question").filter(capture=capture).first()
    waiting = challenge is not None and challenge.answered_at is None and decision is None
    return {
        "id": str(capture.public_id),
        "purpose": capture.purpose,
        "status": capture.status,
        "created_at": capture.created_at.isoformat(),
        "stages": stages_values(list(capture.stages.all()), full=full),
        "challenge": challenge_values(challenge) if waiting and challenge else None,
        "decision": decision_values(decision, capture, full=full) if decision else None,
    }


def stages_values(records: list[StageRecord], *, full: bool) -> list[dict[str, object]]:
    if full:
        return [stage_values(record, full=True) for record in records]
    shown = [stage_values(record, full=False) for record in records if record.name not in VEILED_STAGES]
    if len(shown) < len(records):
        shown += [
            {"position": len(shown) + index, "stage": name, "outcome": "done", "milliseconds": None, "message": ""}
            for index, name in enumerate(VEILED_STAGES)
        ]
    return shown


def stage_values(record: StageRecord, *, full: bool) -> dict[str, object]:
    guided = full or record.name in GUIDED_STAGES
    values: dict[str, object] = {
        "position": record.position,
        "stage": record.name,
        "outcome": record.outcome if guided else "done",
        "milliseconds": round(record.milliseconds, 1),
        "message": SENTENCES[ErrorCode(record.reason)] if guided and record.reason else "",
    }
    if full:
        values |= {"reason": record.reason, "llr": record.llr, "evidence": record.evidence}
    return values


def challenge_values(challenge: CognitiveChallenge) -> dict[str, object]:
    return {
        "question": open_question(challenge.question).question,
        "expires_at": challenge.expires_at.isoformat(),
    }


def decision_values(decision: Decision, capture: Capture, *, full: bool) -> dict[str, object]:
    """A stranger learns that it was refused, and what to do about the picture; never which factor did not match."""
    code, message = _said(decision, full=full)
    granting = capture.purpose in (Purpose.LOGIN, Purpose.UNLOCK)
    values: dict[str, object] = {
        "outcome": decision.outcome,
        "reason": code,
        "message": message,
        "next": "retry" if decision.outcome == Outcome.DENIED else ("complete" if granting else "none"),
    }
    if full:
        person = decision.person
        values |= {
            "person": str(person.public_id) if person else None,
            "username": person.user.get_username() if person else None,
            "posterior": decision.posterior,
            "candidates": decision.candidates,
            "milliseconds": round(decision.milliseconds, 1),
        }
    return values


def sentence_told(code: str) -> str:
    """What somebody who was refused for ``code`` is told at the page."""
    told = ErrorCode(code)
    return SENTENCES[told if told in SAID_TO_ANYBODY else ErrorCode.NO_MATCH]


def _said(decision: Decision, *, full: bool) -> tuple[str, str]:
    if decision.outcome == Outcome.GRANTED:
        return "", GRANTED_SENTENCE
    if decision.outcome == Outcome.REQUIRE_2FA:
        return "", SECOND_FACTOR_SENTENCE
    code = ErrorCode(decision.reason or ErrorCode.NO_MATCH)
    if not full and code not in SAID_TO_ANYBODY:
        code = ErrorCode.NO_MATCH
    return code.value, SENTENCES[code]
