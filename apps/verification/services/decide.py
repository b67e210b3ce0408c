"""The one decision about a capture, with its audit event and what it allows, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.captures import limits
from apps.captures.models import Purpose
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Person
from apps.identities.services.questions import any_question
from apps.identities.services.traces import keep_trace
from apps.policies.selectors import current_policy
from apps.verification.models import Capture, CognitiveChallenge, Decision, Grant, Outcome
from apps.verification.services.progress import tell_watchers

GRANTING = (Purpose.LOGIN, Purpose.UNLOCK)
GRANT_LIFE = timedelta(seconds=60)
CHALLENGE_LIFE = timedelta(seconds=90)
# What the gates refuse for, apart from the match.
GATE_REASONS = {
    ErrorCode.NOT_LIVE,
    ErrorCode.NO_BLINK,
    ErrorCode.BLINKS_NOT_SEEN,
    ErrorCode.TURN_NOT_SEEN,
    ErrorCode.LIGHT_NOT_SEEN,
    ErrorCode.LIGHT_UNCLEAR,
    ErrorCode.DIGITS_NOT_HEARD,
    ErrorCode.LIPS_NOT_SPEAKING,
    ErrorCode.STREAM_NOT_LIVE,
    ErrorCode.VOICE_NOT_NATURAL,
    ErrorCode.REPLAYED,
    ErrorCode.MANIPULATED,
}
# Refusals that say something about the person rather than about the picture; these count against the account.
COUNTED = GATE_REASONS | {ErrorCode.NO_MATCH, ErrorCode.NO_REFERENCE, ErrorCode.ANSWER_WRONG}


@dataclass(frozen=True, slots=True)
class VerdictData:
    """What the cascade says, in the web side's own type. ``candidates`` are (person id, posterior), best first;
    ``trace`` is what is kept of a capture that let somebody in, to know it again."""

    outcome: str
    reason: str = ""
    person_id: int | None = None
    posterior: float | None = None
    borderline: bool = False
    candidates: list[tuple[int, float]] = field(default_factory=list)
    milliseconds: float = 0.0
    trace: bytes = b""


def record_decision(*, capture: Capture, verdict: VerdictData) -> Decision | None:
    """Write the decision, or put the cognitive challenge where the verdict is borderline and the person has questions.

    Safe to call twice: the first decision stands. Returns None while a challenge waits for its answer.
    """
    with transaction.atomic():
        capture = Capture.objects.select_for_update().get(pk=capture.pk)
        if capture.status in (Capture.Status.DONE, Capture.Status.FAILED, Capture.Status.AWAITING_ANSWER):
            return Decision.objects.filter(capture=capture).first()
        person = _person_who_may(verdict.person_id)
        question = any_question(person) if person and verdict.borderline else None
        if person is not None and question is not None and verdict.posterior is not None:
            CognitiveChallenge.objects.create(
                capture=capture,
                question=question,
                posterior=verdict.posterior,
                expires_at=timezone.now() + CHALLENGE_LIFE,
            )
            capture.status = Capture.Status.AWAITING_ANSWER
            capture.save(update_fields=["status"])
            record_event(
                action="challenge.asked",
                subject_id=person.public_id,
                address=capture.address,
                reference=capture.public_id,
            )
            decision = None
        else:
            decision = write_decision(capture, verdict, person)
    tell_watchers(capture)
    return decision


def write_decision(capture: Capture, verdict: VerdictData, person: Person | None) -> Decision:
    """Inside the caller's transaction: decision, audit event, grant; the capture's content is erased unless kept."""
    outcome, reason = Outcome(verdict.outcome), verdict.reason
    if outcome != Outcome.DENIED and person is None:
        # The person was suspended or erased while the cascade ran.
        outcome, reason = Outcome.DENIED, ErrorCode.NO_REFERENCE.value
    decision = Decision.objects.create(
        capture=capture,
        outcome=outcome,
        reason=reason,
        person=person if outcome != Outcome.DENIED else None,
        posterior=verdict.posterior,
        candidates=_public_candidates(verdict.candidates) if capture.one_to_many else [],
        milliseconds=verdict.milliseconds,
    )
    failed = reason in (ErrorCode.INTERNAL, ErrorCode.MODEL_MISSING, ErrorCode.TIMED_OUT)
    capture.status = Capture.Status.FAILED if failed else Capture.Status.DONE
    capture.error_code = reason if failed else ""
    capture.finished_at = timezone.now()
    erased = "" if _content_is_kept() else capture.blob
    if erased:
        capture.blob = ""
        transaction.on_commit(lambda: blobs.erase(erased))
    capture.save(update_fields=["status", "error_code", "finished_at", "blob"])
    if outcome != Outcome.DENIED and capture.purpose in GRANTING and person is not None:
        Grant.objects.create(
            capture=capture,
            person=person,
            bound_to=capture.bound_to,
            needs_second_factor=outcome == Outcome.REQUIRE_2FA,
            expires_at=timezone.now() + GRANT_LIFE,
        )
    if verdict.trace and person is not None and outcome != Outcome.DENIED:
        keep_trace(person=person, content=verdict.trace)
    subject = person or capture.claimed
    record_event(
        action="capture.decided",
        subject_id=subject.public_id if subject else "",
        result=outcome.value,
        address=capture.address,
        reference=capture.public_id,
        details={"reason": reason, "posterior": verdict.posterior, "purpose": capture.purpose},
    )
    named = {limits.account_key(subject.user.get_username())} if subject else set()
    transaction.on_commit(lambda: _count(capture, {capture.account_key} | named, outcome, reason))
    return decision


def _content_is_kept() -> bool:
    """A policy that cannot be read keeps nothing: also then a refusal has to be written."""
    try:
        return current_policy().capture_retention_days > 0
    except CosmicError:
        return False


def _count(capture: Capture, keys: set[str], outcome: str, reason: str) -> None:
    """Failures count under the claimed name and, where somebody was recognised, under theirs. A login without a name
    counts under its address, which one's own success does not clear."""
    for key in keys:
        if outcome == Outcome.DENIED and reason in COUNTED:
            limits.note_failure(key)
        elif outcome == Outcome.GRANTED and not (capture.one_to_many and key == capture.account_key):
            limits.note_success(key)
    if capture.ticket and capture.ticket.challenge and (outcome != Outcome.DENIED or reason in COUNTED):
        for origin in (capture.bound_to, limits.address_key(capture.address or "0.0.0.0")):  # noqa: S104
            limits.challenge_answered(origin)


def _person_who_may(person_id: int | None) -> Person | None:
    if person_id is None:
        return None
    return Person.objects.filter(pk=person_id, status=Person.Status.ACTIVE, user__is_active=True).first()


def _public_candidates(candidates: list[tuple[int, float]]) -> list[dict[str, object]]:
    people = Person.objects.in_bulk([person_id for person_id, _ in candidates])
    return [
        {"person": str(people[person_id].public_id), "posterior": posterior}
        for person_id, posterior in candidates
        if person_id in people
    ]
