"""Where policy wants operators to have a second factor, those without one get to set one up, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.messaging.services.notify import mailbox_group
from apps.permissions import Scope
from apps.policies.models import PolicyVersion
from tests.factories import PersonFactory, UserFactory, operator
from tests.sockets import Socket

PASSWORD = "correct horse battery staple 9"
PAGE = {"Accept": "text/html"}
SECRET = "JBSWY3DPEHPK3PXP"
MONITOR, MAILBOX = "/ws/monitor/", "/ws/mailbox/"
TURNED_AWAY = 4403


@pytest.fixture
def wanted(settings) -> None:
    settings.ENV = replace(settings.ENV, operators_need_second_factor=True)


@pytest.fixture
def boss(db) -> User:
    """May do everything, and has no second factor."""
    account = operator(superuser=True)
    account.set_password(PASSWORD)
    account.save()
    return account


@pytest.fixture
def browser(client: Client, boss: User) -> Client:
    client.force_login(boss)
    return client


def test_where_nobody_wants_it_a_password_is_enough(browser: Client):
    assert browser.get("/admin/", headers=PAGE).status_code == 200


@pytest.mark.parametrize("page", ["/admin/", "/account/", "/messages/", "/admin/monitor/"])
def test_pages_lead_to_where_one_is_set_up(browser: Client, wanted, page: str):
    answer = browser.get(page, headers=PAGE, follow=True)

    assert answer.redirect_chain == [("/accounts/2fa/", 302)]
    assert "Operators need a second factor here." in answer.content.decode()


@pytest.mark.parametrize("address", ["/admin/stats", "/admin/logs", "/api/v1/messages"])
def test_the_api_refuses_the_session_with_a_code(browser: Client, wanted, address: str):
    answer = browser.get(address)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "operator_factor_missing")


def test_nothing_is_done_on_the_way(browser: Client, wanted):
    browser.post("/admin/enrollment/invitation/add/", {"username": "dora"}, headers=PAGE)
    browser.post("/api/v1/invitations", {"username": "dora"}, content_type="application/json")

    assert not User.objects.filter(username="dora").exists()


def test_with_one_set_up_everything_is_open(browser: Client, boss: User, wanted):
    TOTP.activate(boss, SECRET)

    assert browser.get("/admin/", headers=PAGE).status_code == 200
    assert browser.get("/admin/stats").status_code == 200


def test_logging_out_stays_possible(browser: Client, wanted):
    browser.post("/accounts/logout/", headers=PAGE)

    assert "_auth_user_id" not in browser.session


@pytest.mark.django_db
def test_whoever_is_no_operator_is_not_asked(client: Client, wanted):
    client.force_login(PersonFactory().user)

    assert client.get("/account/", headers=PAGE).status_code == 200


def test_a_policy_that_cannot_be_read_is_taken_to_want_it(browser: Client, boss: User):
    PolicyVersion.objects.create(number=1, values={"prior": "often"}, reason="as a fault would", changed_by="x")

    assert browser.get("/admin/", headers=PAGE).status_code == 302
    TOTP.activate(boss, SECRET)
    assert browser.get("/admin/policies/policyversion/add/", headers=PAGE).status_code == 200  # to repair it


def test_a_token_was_made_by_somebody_who_had_come_in(client: Client, boss: User, wanted):
    made = make_token(account=boss, label="x", scopes=[Scope.STATS], life=timedelta(days=1), actor=None)

    answer = client.get("/admin/stats", headers={"Authorization": f"Token {made.plain}"})

    assert answer.status_code == 200
    assert answer.json()["operators_without_second_factor"] == 1


def test_the_operators_api_makes_no_token_by_password_alone(client: Client, boss: User, wanted):
    answer = client.post(
        "/admin/login", {"username": boss.username, "password": PASSWORD}, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "operator_factor_missing")
    assert Event.objects.get(action="operator.login").result == "refused"
    assert not Event.objects.filter(action="token.created").exists()


async def socket_of(client: Client, path: str) -> Socket:
    boss = await database_sync_to_async(operator)(superuser=True)
    await database_sync_to_async(client.force_login)(boss)
    return Socket(path, client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [MONITOR, MAILBOX])
async def test_websockets_are_closed_to_the_session(client: Client, wanted, path: str):
    socket = await socket_of(client, path)

    assert await socket.connect() == TURNED_AWAY

    boss = await database_sync_to_async(User.objects.get)()
    await database_sync_to_async(TOTP.activate)(boss, SECRET)
    socket = Socket(path, client)
    assert await socket.connect() is None
    await socket.leave()


@pytest.mark.django_db(transaction=True)
async def test_a_websocket_that_is_open_is_shut_by_its_next_message(client: Client, settings):
    socket = await socket_of(client, MAILBOX)
    assert await socket.connect() is None
    assert (await socket.receive())["type"] == "unread"
    person = await database_sync_to_async(lambda: User.objects.get().person)()

    settings.ENV = replace(settings.ENV, operators_need_second_factor=True)
    await get_channel_layer().group_send(mailbox_group(person), {"type": "mailbox.changed"})

    assert await socket.closed() == TURNED_AWAY


def test_a_password_alone_does_not_change_the_password(browser: Client, boss: User, wanted):
    answer = browser.get("/accounts/password/change/", headers=PAGE)

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")


def test_a_prefix_of_the_application_opens_nothing(browser: Client, wanted):
    assert browser.get("/admin/", headers=PAGE, SCRIPT_NAME="/accounts/2fa").status_code == 302


def test_a_busy_database_is_said_to_be_busy(browser: Client, monkeypatch: pytest.MonkeyPatch):
    def busy(user: User) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr("authsite.operator_factor.operator_lacks_factor", busy)

    answer = browser.get("/admin/stats")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_busy")
    assert answer["Retry-After"]


def test_the_list_of_accounts_says_who_has_none(browser: Client, boss: User):
    guarded = UserFactory(username="guarded", is_staff=True)
    TOTP.activate(guarded, SECRET)
    UserFactory(username="nobody-special")

    lacking = browser.get("/admin/auth/user/?factor=none").context["cl"].result_list
    having = browser.get("/admin/auth/user/?factor=set").context["cl"].result_list

    assert [one.username for one in lacking] == [boss.username]
    assert [one.username for one in having] == ["guarded"]
    assert "1 operator without a second factor" in browser.get("/admin/").content.decode()
