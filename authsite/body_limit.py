"""Refuses bodies that are too large before Django reads them, in one shape with all other errors.

Django's ASGI handler reads a whole body before any view or middleware runs; a gigabyte would lie on disk by then.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from apps.errors import CosmicError, ErrorCode

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class TooMuch(Exception):
    """The body went on beyond the limit."""


class BodyLimit:
    """ASGI middleware: 413 for a body over ``most`` bytes, whether its length was announced or not."""

    def __init__(self, app: App, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._most:
            await _refuse(send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise TooMuch
            return message

        try:
            await self._app(scope, counted, send)
        except TooMuch:
            await _refuse(send)


async def _refuse(send: Send) -> None:
    body = json.dumps(CosmicError(ErrorCode.TOO_LARGE, status=413).as_dict()).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
