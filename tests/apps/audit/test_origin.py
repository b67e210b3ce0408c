"""From where: every event that is written for a request has the client's address, and no other event has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import AsyncClient, Client

from apps.audit.models import Event
from apps.audit.origin import current_address, plain, served_from
from apps.audit.services.record import record_event
from apps.audit.services.verify import verify_chain
from tests.factories import ConsentFactory, PersonFactory, operator
from tests.sockets import Socket

pytestmark = [pytest.mark.django_db, pytest.mark.database]
FROM = "192.0.2.17"
PASSWORD = "correct horse battery staple 9"


@pytest.fixture
def boss(db) -> User:
    return operator(superuser=True)


@pytest.fixture
def browser(boss: User) -> Client:
    client = Client(REMOTE_ADDR=FROM)
    client.force_login(boss)
    return client


def invite(browser: Client) -> None:
    browser.post("/admin/enrollment/invitation/add/", {"username": "dora"})


def suspend(browser: Client) -> None:
    person = PersonFactory()
    browser.post("/admin/identities/person/", {"action": "suspend", "_selected_action": [person.pk]})


def erase(browser: Client) -> None:
    person = PersonFactory()
    browser.post(f"/admin/identities/person/{person.pk}/erase/", {"name": person.user.username})


def make_account(browser: Client) -> None:
    form = {"username": "ann", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    browser.post("/admin/auth/user/add/", form | {"roles": ["viewer"]})


def make_token(browser: Client) -> None:
    form = {"account": User.objects.get(is_superuser=True).username, "label": "x", "scopes": ["stats"], "days": 1}
    browser.post("/admin/access/apitoken/add/", form)


def export_trail(browser: Client) -> None:
    browser.post("/admin/audit/event/", {"action": "export_csv", "_selected_action": [Event.objects.latest("pk").pk]})


def withdraw_consent(browser: Client) -> None:
    ConsentFactory(person=PersonFactory(user=User.objects.get(is_superuser=True)))
    browser.post("/account/consent/withdraw")


def download_everything(browser: Client) -> None:
    ConsentFactory(person=PersonFactory(user=User.objects.get(is_superuser=True)))
    browser.post("/account/export")


@pytest.mark.parametrize(
    ("act", "actions"),
    [
        (invite, {"person.created", "invitation.made"}),
        (suspend, {"person.status"}),
        (erase, {"person.erased"}),
        (make_account, {"account.created", "account.password"}),
        (make_token, {"token.created"}),
        (export_trail, {"audit.exported"}),
        (withdraw_consent, {"consent.withdrawn"}),
        (download_everything, {"person.exported"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_done_for_a_request_comes_from_its_client(browser: Client, act: Callable, actions: set[str]):
    before = Event.objects.latest("sequence").sequence

    act(browser)

    told = dict(Event.objects.filter(sequence__gt=before).values_list("action", "address"))
    assert actions <= told.keys()
    assert set(told.values()) == {FROM}
    assert verify_chain([])[1] == []


def test_the_next_request_has_an_address_of_its_own(browser: Client, boss: User):
    invite(browser)
    other = Client(REMOTE_ADDR="198.51.100.4")
    other.force_login(boss)
    other.post("/admin/enrollment/invitation/add/", {"username": "emil"})

    made = Event.objects.filter(action="invitation.made").order_by("sequence")
    assert list(made.values_list("address", flat=True)) == [FROM, "198.51.100.4"]
    assert current_address() is None


def test_a_proxy_that_is_trusted_speaks_for_its_client(boss: User, settings):
    settings.ENV = replace(settings.ENV, trusted_proxies=["192.0.2.0/24"])
    client = Client(REMOTE_ADDR=FROM, HTTP_X_FORWARDED_FOR="203.0.113.9")
    client.force_login(boss)

    invite(client)

    assert Event.objects.get(action="invitation.made").address == "203.0.113.9"


def test_a_command_comes_from_nowhere():
    call_command("invite", "dora")

    assert Event.objects.get(action="invitation.made").address is None


def test_a_request_that_fails_leaves_no_address_behind():
    with pytest.raises(RuntimeError), served_from(FROM):
        raise RuntimeError

    assert record_event(action="test.action").address is None


@pytest.mark.parametrize(
    ("address", "kept"), [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), (FROM, FROM)]
)
def test_an_address_is_kept_as_every_database_gives_it_back(address: str, kept: str):
    assert plain(address) == kept
    record_event(action="test.action", address=address)

    assert Event.objects.get(action="test.action").address == kept
    assert verify_chain([])[1] == []


@pytest.mark.django_db(transaction=True)
async def test_the_server_as_it_runs_knows_it_too():
    """Views that are not asynchronous run in threads there."""
    boss = await database_sync_to_async(operator)(superuser=True)
    client = AsyncClient()
    await client.aforce_login(boss)

    await client.post("/admin/enrollment/invitation/add/", {"username": "dora"})

    made = await Event.objects.aget(action="invitation.made")
    assert made.address == "127.0.0.1"


@pytest.mark.django_db(transaction=True)
async def test_a_websocket_knows_it_too():
    boss = await database_sync_to_async(operator)(superuser=True)
    client = Client()
    await database_sync_to_async(client.force_login)(boss)
    socket = Socket("/ws/monitor/", client)

    assert await socket.connect() is None
    await socket.leave()

    assert (await Event.objects.aget(action="monitor.opened")).address == "127.0.0.1"


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_that_is_set_up_or_taken_away_is_told(boss: User, browser: Client):
    boss.set_password(PASSWORD)
    boss.save()
    browser = Client(REMOTE_ADDR=FROM)
    browser.post("/accounts/login/", {"login": boss.username, "password": PASSWORD})
    assert browser.get("/accounts/2fa/totp/activate/").status_code == 302  # the password once more
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = browser.get("/accounts/2fa/totp/activate/", headers={"Accept": "text/html"}).context["form"].secret
    browser.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert Authenticator.objects.filter(user=boss, type="totp").exists()
    browser.post("/accounts/2fa/recovery-codes/generate/")
    browser.post("/accounts/2fa/totp/deactivate/")

    told = Event.objects.filter(action__startswith="factor.").order_by("sequence")
    named = [(one.action, one.details["type"]) for one in told]
    assert ("factor.added", "totp") in named
    assert ("factor.removed", "totp") in named
    assert ("factor.reset", "recovery_codes") in named or ("factor.added", "recovery_codes") in named
    assert {(one.actor_id, one.subject_id, one.address) for one in told} == {(str(boss.pk), str(boss.pk), FROM)}


def code_of(secret: str) -> str:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
