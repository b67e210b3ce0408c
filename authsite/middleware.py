"""Around every request: from where it comes, for the audit trail; and errors of views that are not part of the REST
API, and faults that nobody foresaw, as answers in one shape."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse

from apps.audit.origin import served_from
from apps.captures.addresses import client_address
from apps.captures.scopes import request_of
from apps.errors import CosmicError, ErrorCode
from authsite.api_errors import answer, as_cosmic_error, wants_page

log = logging.getLogger(__name__)

Socket = Callable[[dict, Any, Any], Awaitable[None]]


class EventsFromWhere:
    """Middleware of Django, the outermost: an event of whatever is done for a request has the client's address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with served_from(_address_of(request)):
            return self._get_response(request)


class SocketEventsFromWhere:
    """ASGI middleware: the same for a websocket, as long as it is open."""

    def __init__(self, app: Socket) -> None:
        self._app = app

    async def __call__(self, scope: dict, receive: Any, send: Any) -> None:
        with served_from(_address_of(request_of(scope))):
            await self._app(scope, receive, send)


class ErrorsAsAnswers:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        known = as_cosmic_error(exception)
        if known is not None:
            return answer(request, known)
        if wants_page(request) or isinstance(exception, ReauthenticationRequired):
            return None  # Django logs it and shows the page for faults; allauth leads to the password
        log.exception("%s %s failed", request.method, request.path)
        return answer(request, CosmicError(ErrorCode.INTERNAL, status=500))


def _address_of(request: HttpRequest) -> str | None:
    """None where the server does not know (a Unix socket): an address that nobody has would say more than is known."""
    return client_address(request) if request.META.get("REMOTE_ADDR") else None
