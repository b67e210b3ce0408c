"""Nothing is kept longer than policy says, nothing is erased sooner, and the audit trail says what went."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from knox.models import AuthToken

from apps.access.models import ApiToken
from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.audit.services.record import record_event
from apps.audit.services.verify import verify_chain
from apps.captures.models import CaptureTicket
from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.enrollment.services import erase as enrolment_erase
from apps.enrollment.services.duplicates import decide_duplicate
from apps.errors import CosmicError
from apps.identities import blobs
from apps.identities.models import CaptureTrace, GalleryState
from apps.permissions import Scope
from apps.policies.models import PolicyVersion
from apps.policies.services import retention
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


def told() -> list[dict]:
    """What each batch was told of as gone, in order."""
    return [event.details for event in Event.objects.filter(action="retention.erased").order_by("sequence")]


def test_an_attempt_goes_with_all_that_hangs_on_it_and_newer_ones_stay():
    old, newer = attempt(366), attempt(364)

    erase_expired()

    assert list(Capture.objects.all()) == [newer]
    for kind in (StageRecord, Decision, Grant, AttemptLabel):
        assert kind.objects.get().capture_id == newer.pk
    assert list(CaptureTicket.objects.all()) == [newer.ticket]
    assert told() == [{"attempts": 1}]
    assert not Capture.objects.filter(pk=old.pk).exists()


def test_what_waits_to_be_decided_stays():
    waiting = attempt(400, status=Capture.Status.AWAITING_ANSWER)

    erase_expired()

    assert Capture.objects.get() == waiting


@pytest.mark.django_db(transaction=True)
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
    assert told() == [{"capture_contents": 1}]


@pytest.mark.django_db(transaction=True)
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
    assert told() == [{"enrolment_jobs": 1}]


def test_invitations_and_sessions_go_when_they_have_run_out():
    invitation(-0.1)
    good = invitation(0.1)
    for key, left in (("gone", -1), ("good", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(-left))

    erase_expired()

    assert Invitation.objects.get() == good
    assert Session.objects.get().session_key == "good"
    assert told() == [{"invitations": 1}, {"sessions": 1}]


def test_policy_says_how_long():
    attempt(20)
    job(20, EnrolmentJob.Status.DONE)
    change_policy(
        values={"attempt_retention_days": 19, "enrolment_job_retention_days": 21},
        reason="The pilot has ended.",
        actor=UserFactory(),
        based_on=0,
        confirmed=True,
    )

    erase_expired()

    assert (Capture.objects.count(), EnrolmentJob.objects.count()) == (0, 1)


def test_a_run_goes_on_until_a_batch_is_short_and_each_batch_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erase, "BATCH", 2)
    for _ in range(5):
        attempt(400)

    erase_expired()

    assert not Capture.objects.exists()
    assert told() == [{"attempts": 2}, {"attempts": 2}, {"attempts": 1}]


def test_a_run_ends_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(erase, "BATCH", 1)
    monkeypatch.setattr(retention, "MOST_BATCHES", 2)
    for _ in range(3):
        attempt(400)

    erase_expired()
    left = Capture.objects.count()
    erase_expired()

    assert (left, Capture.objects.count()) == (1, 0)


def test_tokens_go_when_they_have_run_out():
    account = UserFactory()
    gone, good = (
        make_token(account=account, label=label, scopes=[Scope.STATS], life=timedelta(days=1), actor=None).row
        for label in ("gone", "good")
    )
    endless, _ = AuthToken.objects.create(user=account, expiry=None)
    AuthToken.objects.filter(pk=gone.token_id).update(expiry=days_ago(0.01))

    erase_expired()

    assert ApiToken.objects.get() == good
    assert set(AuthToken.objects.values_list("pk", flat=True)) == {good.token_id, endless.pk}
    assert told() == [{"api_tokens": 1}]


def test_an_eraser_that_fails_keeps_no_other_from_running():
    attempt(400)
    invitation(-1)
    Session.objects.create(session_key="gone", session_data="", expire_date=days_ago(1))
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason="somehow broken", changed_by="somebody")

    with pytest.raises(CosmicError, match="policy_unreadable"):
        erase_expired()

    assert (Capture.objects.count(), Invitation.objects.count(), Session.objects.count()) == (1, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_what_is_not_committed_keeps_its_files():
    names = [blobs.store(b"content", purpose="captures") for _ in range(2)]
    attempt(400, blob=names[0])
    job(91, EnrolmentJob.Status.DONE, blob=names[1])

    for eraser in (erase._erase_contents, erase._erase_attempts, enrolment_erase._erase_jobs):
        with pytest.raises(KeyError), transaction.atomic():
            assert eraser(10) == 1
            raise KeyError("the trail cannot be written")

    assert [blobs.load(name) for name in names] == [b"content"] * 2
    assert (Capture.objects.get().blob, EnrolmentJob.objects.get().blob) == tuple(names)


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_fails_leaves_those_before_it_erased():
    account = [attempt(400), attempt(400)]

    def second_fails(most: int) -> int:
        if Capture.objects.count() == 1:
            Capture.objects.all().delete()
            raise KeyError("in the second batch")
        return Capture.objects.filter(pk=account[0].pk).delete()[1]["verification.Capture"]

    with pytest.raises(KeyError):
        retention.in_batches("attempts", second_fails, 1)

    assert Capture.objects.get() == account[1]
    assert told() == [{"attempts": 1}]


@pytest.mark.django_db(transaction=True)
def test_a_file_that_cannot_be_unlinked_keeps_no_other(settings):
    settings.ENV = replace(settings.ENV, capture_retention_days=30)
    stuck, good = "captures/stuck", blobs.store(b"content", purpose="captures")
    blobs._path(stuck).mkdir()
    attempt(31, blob=stuck)
    attempt(31, blob=good)
    job(91, EnrolmentJob.Status.DONE)

    with pytest.raises(IsADirectoryError):
        erase_expired()

    with pytest.raises(FileNotFoundError):
        blobs.load(good)
    assert told() == [{"capture_contents": 2}, {"enrolment_jobs": 1}]
    blobs._path(stuck).rmdir()


def test_a_duplicate_that_took_long_keeps_its_job_from_when_it_was_decided():
    old = job(91, EnrolmentJob.Status.IN_REVIEW)
    refused = job(91, EnrolmentJob.Status.IN_REVIEW)
    GalleryState.objects.get_or_create(pk=1, defaults={"pack": "builtin"})
    for one, same in ((old, False), (refused, True)):
        decide_duplicate(case=case(one, DuplicateCase.Status.OPEN), same=same, note="", actor_id="test")

    erase_expired()

    assert set(EnrolmentJob.objects.values_list("status", flat=True)) == {"done", "refused"}


def test_the_audit_trail_and_what_is_remembered_of_people_are_not_touched():
    capture = attempt(3000)
    record_event(action="capture.decided", reference=capture.public_id)
    trace = CaptureTrace.objects.create(person=PersonFactory(), sealed=b"x")
    CaptureTrace.objects.update(created_at=days_ago(3000))

    erase_expired()

    assert Event.objects.filter(action="capture.decided", reference=str(capture.public_id)).exists()
    assert verify_chain([])[1] == []
    assert CaptureTrace.objects.get() == trace


def test_without_a_readable_policy_no_attempt_is_erased():
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
