"""API clients on websockets: ``Authorization: Token ...`` in the handshake, as on the REST API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from rest_framework.exceptions import AuthenticationFailed

from apps.access.authentication import ScopedTokenAuthentication, scopes_of

App = Callable[[dict, Any, Any], Awaitable[None]]
PREFIX = b"token "


class TokenAuth:
    """ASGI middleware: sets ``scope["token_user"]``, ``user``, ``token_scopes`` and ``token`` from a valid token, and
    nothing from others. A consumer that serves tokens asks ``scope_allows(scope["token_scopes"], ...)``."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        header = dict(scope["headers"]).get(b"authorization", b"")
        scope = dict(scope)
        scope["token_user"] = scope["token_scopes"] = scope["token"] = None
        if header.lower().startswith(PREFIX):
            found = await _found(header[len(PREFIX) :].strip())
            if found is not None:
                scope["token_user"], scope["token_scopes"], scope["token"] = found
                scope["user"] = scope["token_user"]
        await self._app(scope, receive, send)


@database_sync_to_async
def _found(token: bytes):
    """The token's account, its scopes and itself, or None."""
    try:
        user, auth_token = ScopedTokenAuthentication().authenticate_credentials(token)
    except AuthenticationFailed:
        return None
    return (user, scopes_of(auth_token), auth_token) if user.is_active else None
