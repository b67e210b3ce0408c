"""What a link opens, and until when: also for samples that came by it and are not judged yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from apps.captures.bundle import Bundle
from apps.enrollment.models import EnrolmentJob, Invitation
from apps.enrollment.services.erase import erase_expired
from apps.enrollment.services.invitations import invite, open_invitation
from apps.enrollment.services.start import start_enrolment
from apps.enrollment.services.work_off import work_off
from apps.errors import CosmicError
from apps.identities.models import Person
from tests.apps.enrollment.samples import embed, faces, job_for, llr
from tests.factories import PersonFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def link(person: Person) -> tuple[Invitation, str]:
    """A new invitation and its token."""
    invitation, address = invite(person=person, actor_id="test")
    return invitation, address.rstrip("/").rsplit("/", 1)[1]


def opens(token: str) -> bool:
    try:
        open_invitation(token)
    except CosmicError as error:
        assert (error.code, error.status) == ("invitation_invalid", 404)
        return False
    return True


def sent_by(invitation: Invitation, bundle: Bundle) -> EnrolmentJob:
    return start_enrolment(
        person=invitation.person,
        bundle=bundle,
        source="page",
        actor_id=f"invitation:{invitation.pk}",
        invitation=invitation,
        dispatched=False,
    )


def judged(job: EnrolmentJob) -> tuple[str, str]:
    work_off(str(job.public_id), embed, llr)
    job.refresh_from_db()
    return job.status, job.error_code


def test_a_failed_enrolment_leaves_the_link_good_and_a_whole_one_uses_it_up(newcomer: Person):
    invitation, token = link(newcomer)

    assert judged(sent_by(invitation, Bundle(frames=[b"broken"])))[0] == "refused"
    assert opens(token)
    assert judged(sent_by(invitation, faces(1))) == ("done", "")

    assert not opens(token)
    invitation.refresh_from_db()
    assert invitation.used_at and not invitation.ended_at


def test_a_link_runs_out_and_a_new_one_replaces_it(newcomer: Person):
    (first, old), (_, new) = link(newcomer), link(newcomer)

    assert (opens(old), opens(new)) == (False, True)
    first.refresh_from_db()
    assert first.ended_at and not first.used_at
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not opens(new)


def test_whoever_enrols_in_another_way_needs_no_link(newcomer: Person):
    _, token = link(newcomer)

    job_for(newcomer, faces(1))

    assert not opens(token)


def test_samples_that_came_by_a_link_count_only_while_nothing_has_replaced_it(newcomer: Person):
    """A link that fell into other hands is replaced: whose face came by it must not get in, nor use up the new one."""
    stolen, _ = link(newcomer)
    job = sent_by(stolen, faces(7))
    _, fresh = link(newcomer)

    assert judged(job) == ("refused", "invitation_invalid")

    assert not newcomer.templates.exists()
    assert opens(fresh)


def test_nothing_is_sent_by_a_link_that_was_replaced_since_it_was_opened(newcomer: Person):
    opened, _ = link(newcomer)
    link(newcomer)

    with pytest.raises(CosmicError) as refused:
        sent_by(opened, faces(1))

    assert refused.value.code == "invitation_invalid"
    assert not EnrolmentJob.objects.exists()


def test_samples_of_an_account_that_was_closed_meanwhile_do_not_count(newcomer: Person):
    job = sent_by(link(newcomer)[0], faces(1))
    User.objects.filter(pk=newcomer.user_id).update(is_active=False)

    assert judged(job)[0] == "refused"
    assert not newcomer.templates.exists()


def test_a_link_that_runs_out_while_its_samples_wait_is_used_all_the_same(newcomer: Person):
    invitation, _ = link(newcomer)
    job = sent_by(invitation, faces(1))
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    erase_expired()

    assert judged(job) == ("done", "")
    assert Invitation.objects.get().used_at


@pytest.mark.parametrize(
    "closed", [{"status": Person.Status.SUSPENDED}, {"user__is_active": False}], ids=["person", "account"]
)
def test_who_is_suspended_or_closed_gets_no_link(closed: dict):
    person = PersonFactory(**closed)

    with pytest.raises(CosmicError) as refused:
        invite(person=person, actor_id="test")

    assert "would not open" in refused.value.fields["username"][0]
    assert not Invitation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_links_that_are_made_at_once_one_opens():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; in memory it has one connection")
    person = PersonFactory()

    def make(_: int) -> str:
        try:
            return link(person)[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(make, range(4)))

    assert sum(map(opens, tokens)) == 1
