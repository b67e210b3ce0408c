"""API tokens made and taken back: in the admin, shown once, and by command."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken

from apps.access.models import ApiToken
from apps.access.roles import Role
from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.errors import CosmicError
from apps.permissions import Scope
from tests.apps.access.pages import known
from tests.factories import UserFactory, operator, token_header

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADD = "admin:access_apitoken_add"


@pytest.fixture
def boss() -> User:
    return operator(superuser=True)


@pytest.fixture
def admin_client() -> Client:
    client = Client()
    client.force_login(operator(Role.ADMINISTRATOR))
    return client


def test_a_token_is_shown_once_and_never_stored(admin_client: Client):
    body = {"account": "worker", "label": "door 3", "scopes": ["verify", "enrol"], "days": 30}
    UserFactory(username="worker")

    answer = admin_client.post(reverse(ADD), body)

    (plain,) = set(re.findall(r'value="([0-9a-f]{64})"', answer.content.decode()))
    row = ApiToken.objects.get()
    assert "no-store" in answer["Cache-Control"]
    assert Client().post("/api/v1/verify", HTTP_AUTHORIZATION=f"Token {plain}").status_code == 400
    assert (row.label, row.scopes, row.token.user.username) == ("door 3", ["enrol", "verify"], "worker")
    assert timedelta(days=29) < row.token.expiry - timezone.now() <= timedelta(days=30)
    event = Event.objects.get(action="token.created")
    assert (event.subject_id, event.details["scopes"]) == (str(row.token.user_id), ["enrol", "verify"])
    assert plain not in str(event.details)
    change = reverse("admin:access_apitoken_change", args=[row.pk])
    for address in (reverse("admin:access_apitoken_changelist"), change, reverse("admin:index")):
        page = admin_client.get(address).content.decode()
        assert plain[:15] not in page and row.token_id not in page
    assert "door 3" in admin_client.get(change).content.decode()
    assert plain not in str(admin_client.session.items()) + str(admin_client.cookies)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"account": "nobody"}, "no active account"),
        ({"account": "boss"}, "may do more than you"),
        ({"scopes": []}, "This field is required"),
        ({"scopes": ["everything"]}, "not one of the available choices"),
        ({"days": 0}, "greater than or equal to 1"),
        ({"days": 99_999}, "less than or equal to 3650"),
        ({"label": ""}, "This field is required"),
    ],
    ids=lambda value: str(value),
)
def test_a_token_that_must_not_be_is_not_made(admin_client: Client, wrong: dict, why: str):
    User.objects.create_superuser("boss")
    UserFactory(username="worker")
    body = {"account": "worker", "label": "x", "scopes": ["verify"], "days": 30} | wrong

    page = admin_client.post(reverse(ADD), body).content.decode()

    assert why in page
    assert not AuthToken.objects.exists()


def test_the_service_makes_no_token_for_whoever_holds_more(boss: User):
    officer = operator(Role.ADMINISTRATOR)

    for account, scopes, days in ((boss, [Scope.AUDIT], 1), (officer, [], 1), (officer, [Scope.AUDIT], 0)):
        with pytest.raises(CosmicError):
            make_token(account=account, label="x", scopes=scopes, life=timedelta(days=days), actor=officer)

    assert not AuthToken.objects.exists()


@pytest.mark.parametrize("action", ["revoke", "delete_selected"])
def test_an_administrator_revokes(admin_client: Client, boss: User, action: str):
    headers = [token_header(boss, Scope.STATS) for _ in range(2)]
    chosen = list(ApiToken.objects.values_list("pk", flat=True))
    body = {"action": action, "_selected_action": chosen, "post": "yes"}

    admin_client.post(reverse("admin:access_apitoken_changelist"), body)

    assert [known(header) for header in headers] == [False, False]
    assert Event.objects.filter(action="token.revoked", subject_id=boss.pk).count() == 2


def test_deleting_one_revokes_it(admin_client: Client, boss: User):
    header = token_header(boss, Scope.STATS)
    address = reverse("admin:access_apitoken_delete", args=[ApiToken.objects.get().pk])

    admin_client.post(address, {"post": "yes"})

    assert not known(header)
    assert Event.objects.filter(action="token.revoked").count() == 1


def test_a_token_is_never_changed(admin_client: Client, boss: User):
    token_header(boss, Scope.STATS)
    address = reverse("admin:access_apitoken_change", args=[ApiToken.objects.get().pk])

    answer = admin_client.post(address, {"label": "x", "account": "x", "scopes": ["audit"], "days": 9})

    assert answer.status_code == 403
    assert ApiToken.objects.get().scopes == ["stats"]


def test_the_list_of_tokens_asks_few_questions(admin_client: Client, django_assert_max_num_queries):
    for _ in range(20):
        token_header(UserFactory(), Scope.VERIFY)

    with django_assert_max_num_queries(12):
        page = admin_client.get(reverse("admin:access_apitoken_changelist")).content.decode()

    assert page.count("verify") >= 20


def made_by_command(*arguments: str) -> ApiToken:
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    token = out.getvalue().strip()
    return ApiToken.objects.select_related("token").get(token__token_key=token[:15])


def test_a_command_makes_a_token_for_all_that_the_account_can_use():
    operator_name, plain = operator(Role.VIEWER).username, UserFactory().username

    row = made_by_command(operator_name)

    assert row.scopes == ["enrol", "messages", "stats", "verify"]
    assert timedelta(days=364) < row.token.expiry - timezone.now() <= timedelta(days=365)
    assert made_by_command(plain).scopes == ["enrol", "messages", "verify"]
    assert made_by_command(plain, "--scopes", "verify", "--days", "7", "--label", "door").scopes == ["verify"]
    assert set(Event.objects.filter(action="token.created").values_list("actor_id", flat=True)) == {"command_line"}


@pytest.mark.parametrize("wrong", [["nobody"], ["ann", "--days", "0"], ["ann", "--scopes", "all"]])
def test_a_command_refuses_what_cannot_be(wrong: list[str]):
    UserFactory(username="ann")

    with pytest.raises(CommandError):
        made_by_command(*wrong)

    assert not AuthToken.objects.exists()
