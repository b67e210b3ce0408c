"""What a verdict becomes: one decision, an event, a grant, a question; and what happens when nobody finished."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import TestCase
from django.utils import timezone

from apps.audit.models import Event
from apps.errors import CosmicError
from apps.identities.models import Person
from apps.verification.models import Capture, CognitiveChallenge, Decision, Grant
from apps.verification.services.decide import VerdictData, record_decision
from apps.verification.services.grants import use_grant
from apps.verification.services.recover import take_up_lost_work
from apps.verification.services.run import LEASE, claim_capture

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def granted(person: Person) -> VerdictData:
    return VerdictData(outcome="GRANTED", person_id=person.pk, posterior=0.999)


def borderline(person: Person) -> VerdictData:
    return VerdictData(outcome="REQUIRE_2FA", person_id=person.pk, posterior=0.5, borderline=True)


def test_the_first_decision_stands(person, new_capture):
    capture = new_capture()

    first = record_decision(capture=capture, verdict=granted(person))
    second = record_decision(capture=capture, verdict=VerdictData(outcome="DENIED", reason="no_match"))

    assert first == second
    assert (Decision.objects.count(), Grant.objects.count()) == (1, 1)
    assert Event.objects.filter(action="capture.decided").count() == 1


@pytest.mark.parametrize("change", [{"status": Person.Status.SUSPENDED}, {"status": Person.Status.IN_REVIEW}])
def test_somebody_suspended_while_the_cascade_ran_is_denied(person, new_capture, change):
    Person.objects.update(**change)

    decision = record_decision(capture=new_capture(), verdict=granted(person))

    assert decision.outcome == "DENIED"
    assert not Grant.objects.exists()


def test_an_inactive_account_is_denied(person, new_capture):
    person.user.is_active = False
    person.user.save()

    assert record_decision(capture=new_capture(), verdict=granted(person)).outcome == "DENIED"


def test_the_borderline_asks_the_question_and_grants_nothing_yet(person, new_capture):
    capture = new_capture()

    assert record_decision(capture=capture, verdict=borderline(person)) is None

    capture.refresh_from_db()
    assert capture.status == Capture.Status.AWAITING_ANSWER
    assert CognitiveChallenge.objects.get().capture == capture
    assert not Grant.objects.exists()


def test_without_questions_the_borderline_needs_the_second_factor(person, new_capture):
    person.questions.all().delete()

    decision = record_decision(capture=new_capture(), verdict=borderline(person))

    assert decision.outcome == "REQUIRE_2FA"
    assert Grant.objects.get().needs_second_factor


def test_only_a_login_is_granted_anything(person, new_capture):
    record_decision(capture=new_capture(purpose="verify"), verdict=granted(person))

    assert not Grant.objects.exists()


@pytest.mark.parametrize("change", ["used", "late", "other session", "suspended", "erased"])
def test_a_grant_that_is_not_good_opens_nothing(person, new_capture, change: str):
    capture = new_capture()
    record_decision(capture=capture, verdict=granted(person))
    bound_to = "me"
    if change == "used":
        use_grant(capture_id=str(capture.public_id), bound_to="me", address="127.0.0.1", purpose="login")
    if change == "late":
        Grant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    if change == "other session":
        bound_to = "somebody else"
    if change == "suspended":
        Person.objects.update(status=Person.Status.SUSPENDED)
    if change == "erased":
        person.user.delete()

    with pytest.raises(CosmicError) as refused:
        use_grant(capture_id=str(capture.public_id), bound_to=bound_to, address="127.0.0.1", purpose="login")
    assert refused.value.code == "not_found"


def test_one_worker_at_a_time_and_two_attempts_at_most(new_capture):
    capture = new_capture()
    public_id = str(capture.public_id)

    assert claim_capture(public_id) is not None
    assert claim_capture(public_id) is None  # another worker holds it
    Capture.objects.update(lease_expires_at=timezone.now() - LEASE)
    assert claim_capture(public_id) is not None
    Capture.objects.update(lease_expires_at=timezone.now() - LEASE)
    assert claim_capture(public_id) is None  # tried often enough


def test_what_was_tried_twice_is_denied_and_not_forgotten(new_capture):
    capture = new_capture(status=Capture.Status.RUNNING, attempts=2, lease_expires_at=timezone.now() - LEASE)

    take_up_lost_work()

    assert (capture.decision.outcome, capture.decision.reason) == ("DENIED", "internal")


def test_a_question_that_was_deleted_is_a_denial(person, new_capture):
    capture = new_capture()
    record_decision(capture=capture, verdict=borderline(person))
    person.questions.all().delete()

    take_up_lost_work()

    assert capture.decision.outcome == "DENIED"


def test_a_login_without_a_name_counts_against_whoever_was_recognised(person, new_capture, settings):
    from apps.captures import limits
    from apps.verification.services.answers import judge, take_answer

    for _ in range(5):
        capture = new_capture(one_to_many=True, account_key=limits.address_key("198.51.100.7"))
        record_decision(capture=capture, verdict=borderline(person))
        capture.refresh_from_db()
        take_answer(capture=capture, answer="wrong")
        with TestCase.captureOnCommitCallbacks(execute=True):
            judge(capture.challenge.pk)

    with pytest.raises(CosmicError) as refused:
        limits.check_account(limits.account_key(person.user.get_username()))
    assert refused.value.code == "too_many_failed_attempts"


def test_a_question_that_nobody_answered_is_a_denial(person, new_capture):
    capture = new_capture()
    record_decision(capture=capture, verdict=borderline(person))
    CognitiveChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    with TestCase.captureOnCommitCallbacks(execute=True):
        take_up_lost_work()

    assert capture.decision.outcome == "DENIED"
    assert not Grant.objects.exists()
