"""Operators without a second factor, where policy wants them to have one: they get to set one up, and nothing else.

At the door of pages, API and sockets alike. Tokens are let through: whoever made one had come in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.errors import CosmicError, ErrorCode
from apps.identities.services.second_factor import operator_lacks_factor
from authsite.api_errors import answer, wants_page

OPEN = ("/accounts/", "/static/", "/health/")  # log in and out, the second factor itself
NOT_ALLOWED = 4403

Socket = Callable[[dict, Any, Any], Awaitable[None]]


class OperatorsByFactor:
    """Middleware of Django."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(OPEN) or not operator_lacks_factor(request.user):
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
        by_session = scope.get("token_user") is None
        if by_session and await database_sync_to_async(operator_lacks_factor)(scope["user"]):
            await send({"type": "websocket.close", "code": NOT_ALLOWED})
            return
        await self._app(scope, receive, send)
