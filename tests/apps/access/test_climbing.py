"""Nobody climbs: not by a role, a flag, a password, an invitation, or another's account."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from apps.access.roles import Role
from apps.access.selectors import may_give, may_manage, roles_of
from apps.access.services.accounts import change_access, create_account
from apps.errors import CosmicError
from apps.identities.models import Person
from tests.apps.access.pages import ADD_ACCOUNT, PASSWORD, logged_in, new_account, page_of
from tests.factories import PersonFactory, UserFactory, operator

pytestmark = [pytest.mark.django_db, pytest.mark.database]

VIEWER, ENROLMENT, SECURITY, ADMINISTRATOR = Role


def is_refused(**change: object) -> bool:
    with pytest.raises(CosmicError) as refused:
        change_access(**change)
    return refused.value.status == 403


def test_an_administrator_makes_no_superuser():
    admin, ann = operator(ADMINISTRATOR), operator(VIEWER)
    client = logged_in(admin)

    client.post(reverse(ADD_ACCOUNT), new_account(is_superuser="on", is_staff="on", user_permissions=[1, 2]))
    client.post(page_of(ann), {"is_active": "on", "roles": ["viewer"], "is_superuser": "on", "user_permissions": [1]})

    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.filter(user_permissions__isnull=False).exists()
    assert is_refused(account=ann, roles=[VIEWER], active=True, superuser=True, actor=admin)


def test_nobody_gives_a_role_that_they_do_not_hold():
    officer = operator(SECURITY)
    officer.user_permissions.set(Permission.objects.filter(codename__in=["add_user", "change_user", "view_user"]))
    officer = User.objects.get(pk=officer.pk)
    plain = UserFactory()

    answer = logged_in(officer).post(reverse(ADD_ACCOUNT), new_account(roles=["administrator"]))

    assert "administrator is not one of the available choices" in answer.content.decode()
    assert not User.objects.filter(username="ann").exists()
    assert [may_give(officer, role) for role in Role] == [True, False, True, False]
    assert is_refused(account=plain, roles=[ENROLMENT], active=True, superuser=False, actor=officer)
    change_access(account=plain, roles=[SECURITY], active=True, superuser=False, actor=officer)
    with pytest.raises(CosmicError):
        create_account(account=UserFactory.build(), roles=[ADMINISTRATOR], actor=officer)


def test_nobody_takes_a_role_away_that_they_do_not_hold():
    officer, enroller = operator(SECURITY), operator(ENROLMENT)
    officer.user_permissions.set(Permission.objects.filter(codename="change_user"))
    officer = User.objects.get(pk=officer.pk)

    assert is_refused(account=enroller, roles=[], active=True, superuser=False, actor=officer)
    assert is_refused(account=enroller, roles=[ENROLMENT], active=False, superuser=False, actor=officer)
    assert roles_of(enroller) == [ENROLMENT]


def test_nobody_changes_their_own_access():
    admin = operator(ADMINISTRATOR)

    answer = logged_in(admin).post(page_of(admin), {"is_active": "on", "roles": ["viewer"]})

    assert answer.status_code == 403
    assert roles_of(User.objects.get(pk=admin.pk)) == [ADMINISTRATOR]


@pytest.mark.parametrize("page", ["change", "password"])
def test_a_superuser_is_not_for_an_administrator(page: str):
    boss = operator(superuser=True)
    boss.set_password(PASSWORD)
    boss.save()
    client = logged_in(operator(ADMINISTRATOR))
    body = {"is_active": "", "roles": [], "password1": "another one of 9 words", "password2": "another one of 9 words"}

    answer = client.post(page_of(boss, page), {"usable_password": "true", **body})

    assert answer.status_code == 403
    boss.refresh_from_db()
    assert (boss.is_active, boss.is_superuser, boss.check_password(PASSWORD)) == (True, True, True)


def test_a_page_that_may_only_be_read_shows_no_hash():
    boss = operator(superuser=True)
    boss.set_password(PASSWORD)
    boss.save()

    page = logged_in(operator(ADMINISTRATOR)).get(page_of(boss)).content.decode()

    assert boss.username in page
    assert "bcrypt" not in page and boss.password not in page


@pytest.mark.parametrize(
    ("role", "manages"),
    [
        (VIEWER, {"plain"}),
        (ENROLMENT, {"plain"}),
        (SECURITY, {"plain"}),
        (ADMINISTRATOR, {"plain", "viewer", "administrator"}),
    ],
)
def test_whoever_manages_an_account_holds_all_that_it_does(role: Role, manages: set[str]):
    actor = operator(role)
    accounts = {
        "plain": UserFactory(),
        "viewer": operator(VIEWER),
        "administrator": operator(ADMINISTRATOR),
        "superuser": operator(superuser=True),
    }
    beyond = operator(VIEWER)
    beyond.user_permissions.set(Permission.objects.filter(codename="delete_user"))

    assert {name for name, account in accounts.items() if may_manage(actor, account)} == manages
    assert not may_manage(actor, beyond)
    actor.is_active = False
    assert not may_manage(actor, accounts["plain"])


def test_a_security_officer_suspends_no_superuser():
    boss = PersonFactory(user__is_staff=True, user__is_superuser=True)
    body = {"action": "suspend", "_selected_action": [boss.pk]}

    page = logged_in(operator(SECURITY)).post(reverse("admin:identities_person_changelist"), body, follow=True)

    assert Person.objects.get(pk=boss.pk).status == Person.Status.ACTIVE
    assert "may do more than you" in page.content.decode()


def test_an_enrolment_officer_invites_nobody_into_an_operators_account():
    boss, plain = PersonFactory(user__is_staff=True, user__is_superuser=True), PersonFactory()
    client = logged_in(operator(ENROLMENT))

    answers = [
        client.post("/api/v1/invitations", {"username": name}, content_type="application/json").status_code
        for name in (boss.user.username, plain.user.username, "newcomer")
    ]

    assert answers == [403, 201, 201]
