"""Who may enrol, what becomes of a job, and who is found to be here already."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.enrollment.services.duplicates import decide_duplicate
from apps.enrollment.services.start import start_enrolment
from apps.enrollment.services.work_off import work_off
from apps.errors import CosmicError
from apps.identities.models import Person
from tests.apps.enrollment.samples import embed, faces, job_for, llr
from tests.factories import PersonFactory, UserFactory, direction, enrolled

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_samples_become_templates_and_the_person_may_log_in(newcomer):
    job = job_for(newcomer, faces(1, 1, 1))

    assert (job.status, job.accepted, job.done, job.total) == ("done", 3, 3, 3)
    assert newcomer.status == Person.Status.ACTIVE
    assert newcomer.templates.count() == 3
    assert job.blob == ""


@pytest.mark.parametrize(("source", "kept"), [("page", 5), ("rest", 5), ("folder", 8)])
def test_of_a_recording_the_best_are_kept_and_of_a_folder_all(newcomer, source: str, kept: int):
    assert job_for(newcomer, faces(*[1] * 8), source=source).accepted == kept


def test_a_stranger_among_the_samples_is_left_out(newcomer):
    job = job_for(newcomer, faces(1, 1, 9, 1))

    assert (job.status, job.accepted) == ("done", 3)
    assert job.refusals == [{"file": "picture 3", "code": "no_match"}]


def test_later_samples_have_to_match_the_earlier_ones(newcomer):
    job_for(newcomer, faces(1, 1))

    job = job_for(newcomer, faces(9, 9))

    assert (job.status, job.error_code) == ("refused", "nothing_usable")
    assert newcomer.templates.count() == 2


def test_the_same_samples_twice_are_kept_once(newcomer):
    job_for(newcomer, faces(1, 1))

    assert job_for(newcomer, faces(1, 1)).accepted == 0
    assert newcomer.templates.count() == 2


def test_without_consent_nothing_starts():
    with pytest.raises(CosmicError) as refused:
        start_enrolment(person=PersonFactory(), bundle=faces(1), source="rest", actor_id="test", dispatched=False)
    assert refused.value.code == "consent_missing"


def test_somebody_already_here_is_put_to_an_operator(newcomer, version):
    known = enrolled(version, [direction(1)])

    job = job_for(newcomer, faces(1, 1))

    assert (job.status, job.error_code) == ("in_review", "possible_duplicate")
    assert newcomer.status == Person.Status.IN_REVIEW
    assert DuplicateCase.objects.get().resembles == known


def test_different_people_are_let_in_by_the_operator(newcomer, version):
    enrolled(version, [direction(1)])
    job = job_for(newcomer, faces(1, 1))

    decide_duplicate(case=DuplicateCase.objects.get(), same=False, note="twins", actor_id="test")

    newcomer.refresh_from_db()
    job.refresh_from_db()
    assert (newcomer.status, job.status) == (Person.Status.ACTIVE, "done")


def test_the_same_person_is_turned_away_and_forgotten(newcomer, version):
    enrolled(version, [direction(1)])
    job_for(newcomer, faces(1, 1))
    case = DuplicateCase.objects.get()

    decide_duplicate(case=case, same=True, note="", actor_id="test")

    newcomer.refresh_from_db()
    assert newcomer.status == Person.Status.SUSPENDED
    assert not newcomer.samples.exists()
    with pytest.raises(CosmicError):
        decide_duplicate(case=case, same=False, note="", actor_id="test")


def test_two_enrolments_at_once_are_refused(newcomer):
    start_enrolment(person=newcomer, bundle=faces(1), source="rest", actor_id="test", dispatched=False)

    with pytest.raises(CosmicError) as refused:
        start_enrolment(person=newcomer, bundle=faces(1), source="rest", actor_id="test", dispatched=False)
    assert refused.value.code == "already_enrolled"


def test_consent_withdrawn_while_samples_are_judged_counts(newcomer):
    job = start_enrolment(person=newcomer, bundle=faces(1, 1), source="rest", actor_id="test", dispatched=False)
    newcomer.consents.update(withdrawn_at=timezone.now())

    work_off(str(job.public_id), embed, llr)

    job.refresh_from_db()
    assert (job.status, job.error_code) == ("refused", "consent_missing")
    assert not newcomer.samples.exists()


def test_an_operator_who_may_only_look_invites_and_enrols_nobody(client: Client):
    viewer = UserFactory(is_staff=True)
    client.force_login(viewer)

    invited = client.post("/api/v1/invitations", {"username": "eve"}, content_type="application/json")
    found = client.post("/identify/")
    rebuilt = client.post("/gallery/rebuild")

    assert [answer.status_code for answer in (invited, found, rebuilt)] == [403, 403, 403]


@pytest.mark.parametrize("path", ["/enrol/", "/enrol/made-up-token/"])
def test_a_stranger_gets_no_enrolment_page(client: Client, path: str):
    answer = client.get(path, headers={"Accept": "text/html"})

    assert answer.status_code in (302, 404)
    assert b"consent" not in answer.content


@pytest.mark.parametrize("path", ["/enrol/submit", "/enrol/ticket", "/enrol/made-up-token/submit"])
def test_a_stranger_can_send_no_enrolment(client: Client, path: str):
    assert client.post(path).status_code in (302, 404)
    assert not EnrolmentJob.objects.exists()
