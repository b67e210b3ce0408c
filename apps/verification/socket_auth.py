"""API clients on websockets: ``Authorization: Token ...`` in the handshake, as on the REST API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

App = Callable[[dict, Any, Any], Awaitable[None]]
PREFIX = b"token "


class TokenAuth:
    """ASGI middleware: sets ``scope["token_user"]`` and ``scope["user"]`` from a valid token, and nothing from others."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        header = dict(scope["headers"]).get(b"authorization", b"")
        scope = dict(scope)
        scope["token_user"] = None
        if header.lower().startswith(PREFIX):
            user = await _user_of(header[len(PREFIX) :].strip())
            if user is not None:
                scope["token_user"] = scope["user"] = user
        await self._app(scope, receive, send)


@database_sync_to_async
def _user_of(token: bytes):
    try:
        user, _ = TokenAuthentication().authenticate_credentials(token)
    except AuthenticationFailed:
        return None
    return user if user.is_active else None
