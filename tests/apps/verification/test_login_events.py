"""Who came in by a browser, who went, and who did not get in, is in the trail."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.audit.models import Event
from tests.factories import PersonFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PASSWORD = "correct horse battery staple 9"


@pytest.fixture
def account():
    user = PersonFactory().user
    user.set_password(PASSWORD)
    user.save()
    return user


def typed(account, password: str) -> list[tuple[str, str, str]]:
    """Log in at the page with a password, and out again; what the trail says of it."""
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.post("/accounts/login/", {"login": account.get_username(), "password": password})
    client.post("/accounts/logout/")
    events = Event.objects.filter(action__startswith="account.log").order_by("sequence")
    assert all(event.subject_id == str(account.pk) and event.address == "192.0.2.9" for event in events)
    return [(event.action, event.result, event.actor_id) for event in events]


def test_a_login_and_a_logout_are_events(account):
    who = str(account.pk)

    assert typed(account, PASSWORD) == [("account.login", "session", who), ("account.logout", "", who)]


def test_a_wrong_password_is_an_event_without_the_password(account):
    assert typed(account, "wrong horse") == [("account.login", "refused", "")]
    assert "wrong horse" not in str(list(Event.objects.values()))
