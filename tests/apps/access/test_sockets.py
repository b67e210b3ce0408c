"""Websockets by token: a capture is for those with a scope that makes captures, whatever else the token may do."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from apps.captures.binding import account_binding
from apps.permissions import Scope
from apps.verification.models import Capture
from apps.verification.selectors import SCOPE_OF
from tests.factories import UserFactory, token_header
from tests.sockets import Socket


@pytest.fixture
def account(transactional_db):
    return UserFactory()


@pytest.fixture
def capture(account) -> Capture:
    return Capture.objects.create(purpose="verify", bound_to=account_binding(account.pk), status=Capture.Status.DONE)


async def opens(path: str, token: str) -> bool:
    socket = Socket(path, Client())
    socket.scope["headers"].append((b"authorization", token.encode()))
    opened = await socket.connect() is None
    await socket.leave()
    return opened


async def header_of(account, *scopes: Scope) -> str:
    return (await database_sync_to_async(token_header)(account, *scopes))["HTTP_AUTHORIZATION"]


@pytest.mark.parametrize("scope", Scope)
async def test_a_capture_needs_the_scope_of_what_it_is_for(account, capture: Capture, scope: Scope):
    token = await header_of(account, scope)

    assert await opens(f"/ws/captures/{capture.public_id}/", token) == (scope is SCOPE_OF[capture.purpose])


async def test_a_strangers_capture_is_not_there(capture: Capture):
    stranger = await database_sync_to_async(UserFactory)()

    assert not await opens(f"/ws/captures/{capture.public_id}/", await header_of(stranger, *Scope))


@pytest.mark.parametrize("scope", [Scope.AUDIT, Scope.VERIFY])
async def test_the_preview_is_for_any_token(account, scope: Scope):
    assert await opens("/ws/preview/", await header_of(account, scope))


@pytest.mark.parametrize("token", ["Token ", "Token x", "Token \xff\xfe", "Token " + "a" * 64])
async def test_garbage_is_nobody(capture: Capture, token: str):
    assert not await opens(f"/ws/captures/{capture.public_id}/", token)


async def test_a_token_watches_no_monitor(transactional_db):
    boss = await database_sync_to_async(UserFactory)(is_staff=True, is_superuser=True)

    assert not await opens("/ws/monitor/", await header_of(boss, *Scope))
