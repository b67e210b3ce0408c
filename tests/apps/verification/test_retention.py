"""Nothing is kept longer than policy says, nothing is erased sooner, and the audit trail says what went."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.audit.models import Event
from apps.audit.services.record import record_event
from apps.audit.services.verify import verify_chain
from apps.captures.models import CaptureTicket
from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.errors import CosmicError
from apps.identities import blobs
from apps.identities.models import CaptureTrace
from apps.policies.models import PolicyVersion
from apps.policies.services.change import change_policy
from apps.verification.models import AttemptLabel, Capture, Decision, Grant, StageRecord
from apps.verification.services import erase
from apps.verification.services.decide import VerdictData, record_decision
from tests.factories import PersonFactory, UserFactory
from worker.tasks import erase_expired

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def days_ago(days: float):
    return timezone.now() - timedelta(days=days)


def attempt(days: float, *, blob: str = "", status: str = Capture.Status.DONE) -> Capture:
    """A decided attempt of that age with everything that hangs on one."""
    ticket = CaptureTicket.objects.create(
        nonce_digest=f"{CaptureTicket.objects.count():064}", purpose="login", bound_to="x", expires_at=days_ago(days)
    )
    capture = Capture.objects.create(purpose="login", bound_to="x", ticket=ticket, blob=blob, status=status)
    person = PersonFactory()
    StageRecord.objects.create(capture=capture, position=0, name="liveness", outcome="passed", milliseconds=1)
    Decision.objects.create(capture=capture, outcome="GRANTED", person=person)
    Grant.objects.create(
        capture=capture, person=person, bound_to="x", needs_second_factor=False, expires_at=days_ago(days)
    )
    AttemptLabel.objects.create(capture=capture, truth="bona_fide", labelled_by="somebody")
    ended = days_ago(days) if status == Capture.Status.DONE else None
    Capture.objects.filter(pk=capture.pk).update(created_at=days_ago(days), finished_at=ended)
    return capture


def job(days: float, status: str, **values: Any) -> EnrolmentJob:
    made = EnrolmentJob.objects.create(person=PersonFactory(), source="rest", status=status, **values)
    EnrolmentJob.objects.filter(pk=made.pk).update(created_at=days_ago(days), finished_at=days_ago(days))
    return made


def case(of: EnrolmentJob, status: str) -> DuplicateCase:
    return DuplicateCase.objects.create(
        job=of, person=of.person, resembles=PersonFactory(), modality="face", llr=9.0, status=status
    )


def invitation(days_left: float) -> Invitation:
    return Invitation.objects.create(
        person=PersonFactory(),
        token_digest=f"{Invitation.objects.count():064}",
        created_by="1",
        expires_at=days_ago(-days_left),
    )


def last_counts() -> dict:
    return Event.objects.filter(action="retention.erased").latest("sequence").details


def test_an_attempt_goes_with_all_that_hangs_on_it_and_newer_ones_stay():
    old, newer = attempt(366), attempt(364)

    erase_expired()

    assert list(Capture.objects.all()) == [newer]
    for kind in (StageRecord, Decision, Grant, AttemptLabel):
        assert kind.objects.get().capture_id == newer.pk
    assert list(CaptureTicket.objects.all()) == [newer.ticket]
    assert last_counts() == {"attempts": 1}
    assert not Capture.objects.filter(pk=old.pk).exists()


def test_what_waits_to_be_decided_stays():
    waiting = attempt(400, status=Capture.Status.AWAITING_ANSWER)

    erase_expired()

    assert Capture.objects.get() == waiting


def test_content_goes_before_its_attempt():
    old, newer = (blobs.store(name, purpose="captures") for name in (b"old", b"newer"))
    change_policy(
        values={"capture_retention_days": 30},
        reason="A month for the pilot.",
        actor=UserFactory(),
        based_on=0,
        confirmed=True,
    )
    attempt(31, blob=old)
    attempt(29, blob=newer)

    erase_expired()

    assert sorted(Capture.objects.values_list("blob", flat=True)) == ["", newer]
    assert blobs.load(newer) == b"newer"
    with pytest.raises(FileNotFoundError):
        blobs.load(old)
    assert last_counts() == {"capture_contents": 1}


def test_content_kept_longer_than_its_attempt_goes_with_it(settings):
    settings.ENV = replace(settings.ENV, capture_retention_days=100, attempt_retention_days=10)
    blob = blobs.store(b"old", purpose="captures")
    attempt(11, blob=blob)

    erase_expired()

    with pytest.raises(FileNotFoundError):
        blobs.load(blob)


@pytest.mark.parametrize("status", EnrolmentJob.Status)
def test_an_enrolment_job_goes_once_it_has_ended(status: str):
    job(91, status)
    newer = job(89, status)

    erase_expired()

    ended = status in {"done", "refused", "failed"}
    assert set(EnrolmentJob.objects.all()) - {newer} == (
        set() if ended else set(EnrolmentJob.objects.exclude(pk=newer.pk))
    )
    assert EnrolmentJob.objects.count() == (1 if ended else 2)


def test_a_duplicate_that_nobody_has_decided_keeps_its_job():
    undecided, decided = (job(91, EnrolmentJob.Status.DONE) for _ in range(2))
    case(undecided, DuplicateCase.Status.OPEN)
    case(decided, DuplicateCase.Status.DISTINCT)

    erase_expired()

    assert EnrolmentJob.objects.get() == undecided
    assert DuplicateCase.objects.get().status == DuplicateCase.Status.OPEN
    assert last_counts() == {"enrolment_jobs": 1}


def test_invitations_and_sessions_go_when_they_have_run_out():
    invitation(-0.1)
    good = invitation(0.1)
    for key, left in (("gone", -1), ("good", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(-left))

    erase_expired()

    assert Invitation.objects.get() == good
    assert Session.objects.get().session_key == "good"
    assert last_counts() == {"invitations": 1, "sessions": 1}


def test_policy_says_how_long():
    attempt(20)
    job(20, EnrolmentJob.Status.DONE)
    change_policy(
        values={"attempt_retention_days": 19, "enrolment_job_retention_days": 21},
        reason="The pilot has ended.",
        actor=UserFactory(),
        based_on=0,
    )

    erase_expired()

    assert (Capture.objects.count(), EnrolmentJob.objects.count()) == (0, 1)


def test_one_run_erases_a_batch_and_says_so_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erase, "BATCH", 2)
    for _ in range(3):
        attempt(400)
    invitation(-1)

    erase_expired()
    assert last_counts() == {"attempts": 2, "invitations": 1}
    erase_expired()
    assert last_counts() == {"attempts": 1}
    erase_expired()

    assert not Capture.objects.exists()
    assert Event.objects.filter(action="retention.erased").count() == 2


def test_the_audit_trail_and_what_is_remembered_of_people_are_not_touched():
    capture = attempt(3000)
    record_event(action="capture.decided", reference=capture.public_id)
    trace = CaptureTrace.objects.create(person=PersonFactory(), sealed=b"x")
    CaptureTrace.objects.update(created_at=days_ago(3000))

    erase_expired()

    assert Event.objects.filter(action="capture.decided", reference=str(capture.public_id)).exists()
    assert verify_chain([])[1] == []
    assert CaptureTrace.objects.get() == trace


def test_without_a_readable_policy_nothing_is_erased():
    attempt(400)
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason="somehow broken", changed_by="somebody")

    with pytest.raises(CosmicError, match="policy_unreadable"):
        erase_expired()

    assert Capture.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_a_readable_policy_a_refusal_is_written_and_its_content_kept_by_nobody(settings):
    settings.ENV = replace(settings.ENV, capture_retention_days=30)
    blob = blobs.store(b"a face", purpose="captures")
    capture = Capture.objects.create(purpose="login", bound_to="x", blob=blob, status=Capture.Status.RUNNING)
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason="somehow broken", changed_by="somebody")

    record_decision(capture=capture, verdict=VerdictData(outcome="DENIED", reason="internal"))

    assert Decision.objects.get().outcome == "DENIED"
    with pytest.raises(FileNotFoundError):
        blobs.load(blob)
