"""Nobody climbs: not by an account that grows, a case to decide, a suspension that ends, or a socket left open."""

from __future__ import annotations

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.test import Client
from knox.models import AuthToken

from apps.access.models import ApiToken
from apps.access.roles import Role
from apps.access.services.accounts import change_access
from apps.access.services.tokens import make_token
from apps.captures.binding import account_binding
from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.enrollment.services.invitations import invite, open_invitation
from apps.errors import CosmicError
from apps.identities.models import Person
from apps.identities.services.people import set_status
from apps.permissions import Scope
from apps.verification.models import Capture
from apps.verification.services.progress import tell_watchers
from tests.factories import PersonFactory, operator, token_header
from tests.sockets import Socket

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def logged_in(account) -> Client:
    client = Client()
    client.force_login(account)
    return client


def test_what_others_were_given_for_an_account_ends_when_it_grows():
    bob, administrator, chief = PersonFactory(), operator(Role.ADMINISTRATOR), operator(superuser=True)
    for maker in (administrator, bob.user):
        make_token(account=bob.user, label="x", scopes=[Scope.VERIFY], life=timedelta(days=1), actor=maker)
    link = invite(person=bob, actor_id=administrator.pk)[1]

    change_access(account=bob.user, roles=[Role.VIEWER], active=True, superuser=False, actor=chief)

    assert [row.created_by for row in ApiToken.objects.filter(token__user=bob.user)] == [bob.user]
    with pytest.raises(CosmicError):
        open_invitation(link.rstrip("/").rsplit("/", 1)[-1])
    assert Invitation.objects.get().ended_at is not None


def test_an_enrolment_officer_does_not_turn_an_administrator_away():
    officer, administrator = operator(Role.ENROLMENT_OFFICER), operator(Role.ADMINISTRATOR)
    person = PersonFactory(user=administrator)
    job = EnrolmentJob.objects.create(person=person, source="rest", requested_by="x")
    case = DuplicateCase.objects.create(job=job, person=person, resembles=PersonFactory(), modality="face", llr=20.0)

    logged_in(officer).post(f"/admin/enrollment/duplicatecase/{case.pk}/decide/", {"decision": "same", "note": ""})

    administrator.refresh_from_db()
    case.refresh_from_db()
    assert administrator.is_active
    assert case.status == DuplicateCase.Status.OPEN


def test_nobody_makes_a_token_for_somebody_elses_messages():
    bob, chief = PersonFactory(), operator(superuser=True)
    life = timedelta(days=1)

    with pytest.raises(CosmicError):
        make_token(account=bob.user, label="x", scopes=[Scope.MESSAGES, Scope.VERIFY], life=life, actor=chief)
    make_token(account=bob.user, label="x", scopes=[Scope.MESSAGES], life=life, actor=bob.user)
    form = {"label": "y", "account": bob.user.get_username(), "scopes": ["messages"], "days": 30}
    page = logged_in(chief).post("/admin/access/apitoken/add/", form).content.decode()

    assert "Only the account itself" in page
    assert AuthToken.objects.count() == 1


@pytest.mark.parametrize("closed_before", [False, True])
def test_the_end_of_a_suspension_opens_only_what_it_closed(closed_before: bool):
    person = PersonFactory()
    person.user.is_active = not closed_before
    person.user.save()

    set_status(person=person, status=Person.Status.SUSPENDED, actor_id="test")
    again = Person.objects.get(pk=person.pk)
    set_status(person=again, status=Person.Status.ACTIVE, actor_id="test")

    again.user.refresh_from_db()
    assert again.user.is_active is not closed_before


def test_a_suspension_takes_tokens_back_for_good():
    person = PersonFactory()
    make_token(account=person.user, label="x", scopes=[Scope.VERIFY], life=timedelta(days=1), actor=person.user)

    set_status(person=person, status=Person.Status.SUSPENDED, actor_id="test")
    set_status(person=person, status=Person.Status.ACTIVE, actor_id="test")

    assert not AuthToken.objects.exists()


def test_an_invitation_into_a_closed_account_does_not_open():
    person = PersonFactory()
    token = invite(person=person, actor_id="test")[1].rstrip("/").rsplit("/", 1)[-1]
    person.user.is_active = False
    person.user.save()

    with pytest.raises(CosmicError):
        open_invitation(token)


def test_a_viewer_sees_no_enrolment_job_over_the_api():
    job = EnrolmentJob.objects.create(person=PersonFactory(), source="rest", requested_by="x")
    address = f"/api/v1/enrolments/{job.public_id}"

    assert logged_in(operator(Role.VIEWER)).get(address).status_code == 404
    assert logged_in(operator(Role.ENROLMENT_OFFICER)).get(address).status_code == 200


def test_nobody_erases_or_suspends_themselves_in_the_admin():
    chief = operator(superuser=True)
    person = PersonFactory(user=chief)
    client = logged_in(chief)

    client.post(f"/admin/identities/person/{person.pk}/erase/", {"name": chief.get_username()})
    client.post("/admin/identities/person/", {"action": "suspend", "_selected_action": [person.pk]})

    person.refresh_from_db()
    assert person.status == Person.Status.ACTIVE


def socket_to_a_capture(purpose: str, *scopes: Scope) -> Socket:
    account = operator(Role.SECURITY_OFFICER)
    capture = Capture.objects.create(purpose=purpose, bound_to=account_binding(account.pk))
    header = token_header(account, *scopes)["HTTP_AUTHORIZATION"]
    return Socket(f"/ws/captures/{capture.public_id}/", authorization=header)


@pytest.mark.django_db(transaction=True)
async def test_a_token_for_one_kind_of_capture_sees_no_other():
    socket = await database_sync_to_async(socket_to_a_capture)("identify", Scope.VERIFY)

    assert await socket.connect() == 4403


@pytest.mark.django_db(transaction=True)
async def test_a_token_that_was_taken_back_sees_nothing_more():
    socket = await database_sync_to_async(socket_to_a_capture)("verify", Scope.VERIFY)
    assert await socket.connect() is None
    await socket.receive()

    await database_sync_to_async(AuthToken.objects.all().delete)()
    await database_sync_to_async(lambda: tell_watchers(Capture.objects.get()))()

    assert await socket.closed() == 4403
