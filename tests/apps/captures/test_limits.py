"""Rate limits, counted in a real Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.test import Client, RequestFactory

from apps.captures import limits
from apps.captures.addresses import client_address
from apps.errors import CosmicError


@pytest.fixture
def three_a_minute(settings) -> None:
    settings.ENV = replace(settings.ENV, rate_limit="3/m")


def wait_asked_for(act) -> int:
    with pytest.raises(CosmicError) as refused:
        act()
    assert refused.value.status == 429
    return refused.value.retry_after


def request_from(address: str, **headers: str):
    return RequestFactory().post("/login/ticket", REMOTE_ADDR=address, **headers)


def test_an_address_may_do_so_much_and_each_violation_doubles_the_wait(three_a_minute):
    for _ in range(3):
        limits.check_address(request_from("198.51.100.7"))
    waits = []
    for _ in range(3):
        waits.append(wait_asked_for(lambda: limits.check_address(request_from("198.51.100.7"))))
        cache.delete("limit:blocked:198.51.100.7")

    assert waits == [5, 10, 20]
    limits.check_address(request_from("198.51.100.8"))  # others go on


def test_the_limit_is_120_a_minute_unless_set_otherwise(settings):
    for _ in range(120):
        limits.check_address(request_from("198.51.100.9"))

    assert wait_asked_for(lambda: limits.check_address(request_from("198.51.100.9"))) == 5


@pytest.mark.django_db
def test_429_carries_retry_after(client: Client, three_a_minute):
    answers = [client.post("/login/ticket") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[3].headers["Retry-After"] == "5"
    assert answers[3].json()["error"]["code"] == "rate_limited"


def test_five_failures_are_free_then_the_delay_grows():
    key = limits.account_key("ada")
    for _ in range(4):
        limits.note_failure(key)
        limits.check_account(key)
    waits = []
    for _ in range(3):
        limits.note_failure(key)
        waits.append(wait_asked_for(lambda: limits.check_account(key)))

    assert waits == [30, 60, 120]
    limits.check_account(limits.account_key("grace"))


def test_success_forgets_failures():
    key = limits.account_key("ada")
    for _ in range(6):
        limits.note_failure(key)

    limits.note_success(key)

    limits.check_account(key)


def test_names_are_limited_whatever_their_case():
    assert limits.account_key(" Ada ") == limits.account_key("ada")


def test_forwarded_for_counts_only_from_configured_proxies(settings):
    spoofed = {"HTTP_X_FORWARDED_FOR": "203.0.113.5"}
    assert client_address(request_from("198.51.100.7", **spoofed)) == "198.51.100.7"
    assert get_adapter().get_client_ip(request_from("198.51.100.7", **spoofed)) == "198.51.100.7"

    settings.ENV = replace(settings.ENV, trusted_proxies=["198.51.100.0/24"])
    assert client_address(request_from("198.51.100.7", **spoofed)) == "203.0.113.5"
    # What a client wrote before the proxy's own entry does not count.
    forged = {"HTTP_X_FORWARDED_FOR": "192.0.2.1, 203.0.113.5"}
    assert client_address(request_from("198.51.100.7", **forged)) == "203.0.113.5"


def test_preview_frames_of_one_address_are_limited():
    allowed = [limits.preview_allowed(request_from("198.51.100.7")) for _ in range(40)]

    assert not all(allowed)
    assert limits.preview_allowed(request_from("198.51.100.8"))
