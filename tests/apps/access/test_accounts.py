"""Operators' accounts: made with a role in one step, changed by those who hold as much, and each change told."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse

from apps.access.models import ApiToken
from apps.access.roles import Role
from apps.access.selectors import roles_of
from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.permissions import Scope
from tests.apps.access.pages import ADD_ACCOUNT, PASSWORD, logged_in, new_account, page_of
from tests.factories import UserFactory, operator

pytestmark = [pytest.mark.django_db, pytest.mark.database]

VIEWER, ENROLMENT, SECURITY, ADMINISTRATOR = Role


def test_an_operator_is_made_with_a_role_in_one_step():
    admin = operator(ADMINISTRATOR)

    answer = logged_in(admin).post(reverse(ADD_ACCOUNT), new_account(roles=["enrolment_officer"]))

    ann = User.objects.get(username="ann")
    assert answer.status_code == 302
    assert (roles_of(ann), ann.is_staff, ann.is_superuser) == ([ENROLMENT], True, False)
    assert ann.check_password(PASSWORD)
    told = dict(Event.objects.filter(subject_id=ann.pk).values_list("action", "actor_id"))
    assert told == {
        "account.created": str(admin.pk),
        "account.password": str(admin.pk),
        "account.access": str(admin.pk),
    }
    assert Event.objects.get(action="account.access", subject_id=ann.pk).details["roles"] == ["enrolment_officer"]


def test_an_account_without_a_role_enters_no_admin():
    logged_in(operator(ADMINISTRATOR)).post(reverse(ADD_ACCOUNT), new_account())

    ann = User.objects.get(username="ann")
    assert not ann.is_staff
    assert logged_in(ann).get("/admin/").status_code == 302


def test_roles_are_changed_and_taken_away():
    admin, ann = operator(ADMINISTRATOR), operator(VIEWER)
    client = logged_in(admin)

    client.post(page_of(ann), {"is_active": "on", "roles": ["security_officer", "viewer"]})
    assert roles_of(User.objects.get(pk=ann.pk)) == [VIEWER, SECURITY]
    client.post(page_of(ann), {"roles": []})

    ann = User.objects.get(pk=ann.pk)
    assert (roles_of(ann), ann.is_staff, ann.is_active) == ([], False, False)
    last = Event.objects.filter(action="account.access", actor_id=admin.pk).first()
    assert (last.result, last.details) == ("closed", {"roles": [], "staff": False, "superuser": False})


def test_what_does_not_change_is_no_event():
    admin, ann = logged_in(operator(ADMINISTRATOR)), operator(VIEWER)
    before = Event.objects.count()

    answer = admin.post(page_of(ann), {"is_active": "on", "roles": ["viewer"]})

    assert (answer.status_code, Event.objects.count()) == (302, before)


def test_a_superuser_makes_another():
    boss, ann = operator(superuser=True), operator(VIEWER)

    logged_in(boss).post(page_of(ann), {"is_active": "on", "roles": ["viewer"], "is_superuser": "on"})

    assert User.objects.get(pk=ann.pk).is_superuser
    assert Event.objects.filter(action="account.access", subject_id=ann.pk).first().details["superuser"] is True


def test_accounts_are_not_deleted_but_closed():
    boss, ann = operator(superuser=True), operator(VIEWER)
    client = logged_in(boss)

    assert client.post(page_of(ann, "delete"), {"post": "yes"}).status_code == 403
    client.post(reverse("admin:auth_user_changelist"), {"action": "delete_selected", "_selected_action": [ann.pk]})

    assert User.objects.filter(pk=ann.pk).exists()


def test_a_password_that_an_operator_sets_is_told():
    admin, ann = operator(ADMINISTRATOR), operator(VIEWER)
    body = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "set-password": "1"}

    logged_in(admin).post(page_of(ann, "password"), body)

    assert User.objects.get(pk=ann.pk).check_password(PASSWORD)
    event = Event.objects.get(action="account.password", subject_id=ann.pk)
    assert (event.actor_id, event.result) == (str(admin.pk), "set")
    assert PASSWORD not in str(Event.objects.values())


def test_a_password_that_an_operator_sets_ends_the_tokens_made_with_the_old_one():
    ann, admin = UserFactory(), operator(superuser=True)
    for account in (ann, admin):
        make_token(account=account, label="x", scopes=[Scope.VERIFY], life=timedelta(days=1), actor=account)
    set_one = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "set-password": "1"}

    logged_in(admin).post(page_of(ann, "password"), set_one | {"password2": "another"})
    assert ApiToken.objects.filter(token__user=ann).exists()  # refused: nothing was set
    logged_in(admin).post(page_of(ann, "password"), set_one)

    assert [row.token.user for row in ApiToken.objects.all()] == [admin]
    assert Event.objects.filter(action="token.revoked", subject_id=ann.pk, actor_id=admin.pk).count() == 1


def test_a_password_that_is_taken_away_is_told():
    admin, ann = operator(ADMINISTRATOR), operator(VIEWER)
    ann.set_password(PASSWORD)
    ann.save()

    make_token(account=ann, label="x", scopes=[Scope.VERIFY], life=timedelta(days=1), actor=ann)

    logged_in(admin).post(page_of(ann, "password"), {"usable_password": "false", "unset-password": "1"})

    assert not ApiToken.objects.exists()
    assert not User.objects.get(pk=ann.pk).has_usable_password()
    assert Event.objects.filter(action="account.password", actor_id=admin.pk).get().result == "removed"


def test_a_password_that_somebody_changes_for_themselves_is_told():
    ann = operator(VIEWER)
    ann.set_password(PASSWORD)
    ann.save()
    body = {
        "old_password": PASSWORD,
        "new_password1": "nine other words here",
        "new_password2": "nine other words here",
    }

    assert logged_in(ann).post(reverse("admin:password_change"), body).status_code == 302

    assert Event.objects.filter(action="account.password", subject_id=ann.pk).count() == 2


def test_a_better_hash_of_the_same_password_is_no_change():
    ann = UserFactory(password=make_password(PASSWORD, hasher="pbkdf2_sha256"))

    assert ann.check_password(PASSWORD)

    assert ann.password.startswith("bcrypt")
    assert not Event.objects.filter(action="account.password").exists()


def test_the_list_of_accounts_asks_few_questions(django_assert_max_num_queries):
    client = logged_in(operator(ADMINISTRATOR))
    for _ in range(20):
        operator(VIEWER)

    with django_assert_max_num_queries(15):
        page = client.get(reverse("admin:auth_user_changelist")).content.decode()

    assert page.count(">Viewer<") >= 20


def made_by_command(*arguments: str) -> str:
    out = StringIO()
    call_command("create_operator", *arguments, stdout=out)
    return out.getvalue()


def test_a_command_makes_an_operator_with_the_password_given(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COSMIC_OPERATOR_PASSWORD", PASSWORD)

    said = made_by_command("ann", "--role", "viewer", "enrolment_officer")

    ann = User.objects.get(username="ann")
    assert (roles_of(ann), ann.check_password(PASSWORD), said) == ([VIEWER, ENROLMENT], True, "")
    assert Event.objects.get(action="account.created").actor_id == "command_line"


def test_a_command_shows_a_made_password_once():
    said = made_by_command("ann", "--role", "administrator")

    made = said.splitlines()[0].removeprefix("Password: ")
    assert User.objects.get(username="ann").check_password(made)


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [("taken", PASSWORD, "already exists"), ("ann", "short", "too short"), ("not a name", PASSWORD, "valid username")],
)
def test_a_command_refuses_what_cannot_be(name: str, password: str, why: str, monkeypatch: pytest.MonkeyPatch):
    UserFactory(username="taken")
    monkeypatch.setenv("COSMIC_OPERATOR_PASSWORD", password)

    with pytest.raises(CommandError, match=why):
        made_by_command(name, "--role", "viewer")

    assert User.objects.count() == 1
