"""A websocket client for tests, in this process: the whole ASGI application behind a real session cookie."""

from __future__ import annotations

import json

from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from authsite.asgi import application

WAIT = 10.0  # seconds until a test gives up


class Socket(ApplicationCommunicator):
    """To ``path``, with the session of ``client`` or the token in ``authorization``."""

    def __init__(self, path: str, client: Client | None = None, *, authorization: str = "") -> None:
        headers = [(b"origin", b"http://localhost"), (b"host", b"localhost")]
        if authorization:
            headers.append((b"authorization", authorization.encode()))
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME) if client is not None else None
        if cookie is not None:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "subprotocols": [],
            "client": ["127.0.0.1", 1],
        }
        super().__init__(application, scope)

    async def connect(self) -> int | None:
        """None when it was taken; otherwise the code with which it was turned away."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(WAIT)
        return None if answer["type"] == "websocket.accept" else answer["code"]

    async def receive(self) -> dict:
        """The next message."""
        message = await self.receive_output(WAIT)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def closed(self) -> int:
        """The code with which it is closed; messages on the way there are passed over."""
        while (message := await self.receive_output(WAIT))["type"] == "websocket.send":
            pass
        return message["code"]

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(WAIT)
