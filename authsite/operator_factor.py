"""Operators without a second factor, where policy wants them to have one: they get to set one up, and nothing else.

At the door of pages, API and websockets alike, and a websocket that is open already is shut by its next message. Tokens are
let through: whoever made one had come in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.errors import CosmicError, ErrorCode
from apps.identities.services.second_factor import operator_lacks_factor
from authsite.api_errors import answer, as_cosmic_error, wants_page

# Not the change of a password: whoever knows it alone would lock its owner out.
OPEN = ("/accounts/login/", "/accounts/logout/", "/accounts/reauthenticate/", "/accounts/2fa/", "/static/", "/health/")
NOT_ALLOWED = 4403

Socket = Callable[[dict, Any, Any], Awaitable[None]]


class OperatorsByFactor:
    """Middleware of Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            held = not request.path_info.startswith(OPEN) and operator_lacks_factor(request.user)
        except DatabaseError as error:  # outside the views, whose errors become answers by themselves
            if (known := as_cosmic_error(error)) is None:
                raise
            return answer(request, known)
        if not held:
            return self._get_response(request)
        lacking = CosmicError(ErrorCode.OPERATOR_FACTOR_MISSING, status=403)
        if not wants_page(request):
            return answer(request, lacking)
        messages.warning(request, lacking.sentence)
        return redirect("mfa_index")


class SocketsByFactor:
    """ASGI middleware, inside those that find out whose socket it is."""

    def __init__(self, app: Socket) -> None:
        self._app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        async def held() -> bool:
            user = scope["user"]
            return bool(user.is_staff) and await database_sync_to_async(operator_lacks_factor)(user)

        async def send_unless_held(message: dict) -> None:
            if message["type"] == "websocket.send" and await held():
                message = {"type": "websocket.close", "code": NOT_ALLOWED}
            await send(message)

        if scope.get("token_user") is not None:
            await self._app(scope, receive, send)
        elif await held():
            await send({"type": "websocket.close", "code": NOT_ALLOWED})
        else:
            await self._app(scope, receive, send_unless_held)
