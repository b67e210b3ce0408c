"""Websockets: the progress of a capture, and what the system sees while a person arranges themselves."""

from __future__ import annotations

import time

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.captures import limits
from apps.captures.frames import LARGEST_FRAME
from apps.captures.models import Purpose
from apps.captures.scopes import account_behind, binding_of, request_of
from apps.errors import CosmicError
from apps.permissions import scope_allows
from apps.verification.models import Capture
from apps.verification.selectors import SCOPE_OF, capture_of, job_values
from apps.verification.services import preview
from apps.verification.services.progress import group_of

NOT_ALLOWED = 4403
NOT_FOUND = 4404
TOO_MANY = 4429


class CaptureConsumer(AsyncJsonWebsocketConsumer):
    """Sends the whole job, as its owner may see it, at once and after each change."""

    capture: Capture | None = None
    last_sent: dict[str, object] | None = None

    async def connect(self) -> None:
        try:
            self.capture = await self._capture()
        except CosmicError:
            await self.close(code=NOT_FOUND)
            return
        if not scope_allows(self.scope.get("token_scopes"), SCOPE_OF[Purpose(self.capture.purpose)]):
            self.capture = None
            await self.close(code=NOT_ALLOWED)
            return
        await self.channel_layer.group_add(group_of(self.capture), self.channel_name)
        await self.accept()
        await self.capture_changed({})

    async def disconnect(self, code: int) -> None:
        if self.capture is not None:
            await self.channel_layer.group_discard(group_of(self.capture), self.channel_name)

    def binding(self) -> str:
        """What the capture has to be bound to, to be seen here."""
        return binding_of(self.scope)

    async def capture_changed(self, event: dict) -> None:
        if self.capture is None:
            return
        job = await self._values(self.capture)
        if job is None:
            await self.close(code=NOT_ALLOWED)
            return
        if job == self.last_sent:
            return  # how many pushes there were would tell more than the job does
        self.last_sent = job
        await self.send_json({"type": "job", "job": job})

    @database_sync_to_async
    def _capture(self) -> Capture:
        return capture_of(public_id=self.scope["url_route"]["kwargs"]["public_id"], bound_to=self.binding())

    @database_sync_to_async
    def _values(self, capture: Capture) -> dict[str, object] | None:
        """As the account that is behind the socket now may see it; None once a token or its account was closed. Somebody
        who logs in belongs to no account yet."""
        account = account_behind(self.scope)
        if self.scope.get("token") is not None and not account.is_active:
            return None
        capture.refresh_from_db()
        return job_values(capture, full=account.is_active and account.is_staff)


class PreviewConsumer(AsyncJsonWebsocketConsumer):
    """Takes small JPEG frames and says what is seen in them. Frames that come too fast are dropped."""

    SHORTEST_STEP = 0.2  # seconds between frames that are looked at
    LONGEST = 600.0  # seconds that one page may go on

    async def connect(self) -> None:
        try:
            await self._check_limits()
        except CosmicError:
            await self.close(code=TOO_MANY)
            return
        self.watcher = preview.new_watcher()
        self.last = 0.0
        self.until = time.monotonic() + self.LONGEST
        await self.channel_layer.group_add(preview.group_of(self.watcher), self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "watcher"):
            await self.channel_layer.group_discard(preview.group_of(self.watcher), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        now = time.monotonic()
        if now > self.until:
            await self.close()
            return
        if not bytes_data or len(bytes_data) > LARGEST_FRAME or now - self.last < self.SHORTEST_STEP:
            return
        self.last = now
        try:
            await self._show(bytes_data)
        except Exception as error:  # Redis away: say so, and let the page try again
            code = error.code.value if isinstance(error, CosmicError) else "broker_unavailable"
            await self.send_json({"type": "failed", "code": code})

    @database_sync_to_async
    def _show(self, frame: bytes) -> None:
        if limits.preview_allowed(request_of(self.scope)):
            preview.show_frame(watcher=self.watcher, frame=frame)

    async def preview_seen(self, event: dict) -> None:
        await self.send_json(event["content"])

    @database_sync_to_async
    def _check_limits(self) -> None:
        limits.check_address(request_of(self.scope))
