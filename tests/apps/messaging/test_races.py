"""Two at the same moment: one wins. In threads of their own, on a database that has more than one writer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.test import Client

from apps.verification.models import Grant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
TEXT = "the treasure lies under the seventh oak"
AT_ONCE = 4


@pytest.fixture(autouse=True)
def several_writers(db) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; in memory it has one connection")


def opened_at_once(message: str, ways: list[tuple[Client, str]]) -> list:
    """The answers to all of these (browser, capture) together."""
    together = Barrier(len(ways))

    def open_message(way: tuple[Client, str]):
        client, capture = way
        try:
            together.wait(10)
            return client.post(
                f"/api/v1/messages/{message}/open", {"capture": capture, "code": ""}, content_type="application/json"
            )
        finally:
            connection.close()

    with ThreadPoolExecutor(len(ways)) as pool:
        return list(pool.map(open_message, ways))


def test_what_is_viewed_once_is_opened_by_one_of_many_unlocks(as_, write, decided: Callable[..., str]):
    message = write(TEXT, view_once=True)
    browsers = [as_("bob") for _ in range(AT_ONCE)]
    ways = [(client, decided(client, message, "bob")) for client in browsers]

    answers = opened_at_once(message, ways)

    assert sorted(answer.status_code for answer in answers) == [200, *[410] * (AT_ONCE - 1)]
    assert sum(TEXT in answer.content.decode() for answer in answers) == 1


def test_one_grant_is_used_once_by_however_many_requests(as_, write, decided: Callable[..., str]):
    message = write(TEXT)
    bob = as_("bob")
    capture = decided(bob, message, "bob")
    same = [Client() for _ in range(AT_ONCE)]
    for client in same:
        client.cookies = bob.cookies

    answers = opened_at_once(message, [(client, capture) for client in same])

    assert sorted(answer.status_code == 200 for answer in answers) == [*[False] * (AT_ONCE - 1), True]
    assert Grant.objects.get().used_at is not None
