"""Websockets of messages: what is unread, and the presence of whoever reads one."""

from __future__ import annotations

import time

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.captures import limits
from apps.captures.frames import LARGEST_FRAME
from apps.captures.scopes import account_behind, binding_of, request_of
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.identities.services.people import person_of
from apps.messaging import unlocks
from apps.messaging.selectors import copy_of, unread
from apps.messaging.services import presence
from apps.messaging.services.notify import mailbox_group, message_group, unlock_group
from apps.permissions import Scope, scope_allows
from apps.verification.consumers import CaptureConsumer

NOT_ALLOWED = 4403


class MailboxConsumer(AsyncJsonWebsocketConsumer):
    """Says how many messages are unread, at once and after each change."""

    person: Person | None = None

    async def connect(self) -> None:
        self.person = await _person(self.scope)
        if self.person is None:
            await self.close(code=NOT_ALLOWED)
            return
        await self.channel_layer.group_add(mailbox_group(self.person), self.channel_name)
        await self.accept()
        await self.mailbox_changed({})

    async def disconnect(self, code: int) -> None:
        if self.person is not None:
            await self.channel_layer.group_discard(mailbox_group(self.person), self.channel_name)

    async def mailbox_changed(self, event: dict) -> None:
        if self.person is not None:
            await self.send_json({"type": "unread", "unread": await database_sync_to_async(unread)(self.person)})


class PresenceConsumer(AsyncJsonWebsocketConsumer):
    """Takes small JPEG frames while a message is open, and says what is seen. Whoever leaves locks the message."""

    SHORTEST_STEP = 0.2  # seconds between frames that are looked at

    watched: presence.Watched | None = None

    async def connect(self) -> None:
        person = await _person(self.scope)
        self.message_id = self.scope["url_route"]["kwargs"]["message_id"]
        if person is None or not await self._begins(person):
            await self.close(code=NOT_ALLOWED)
            return
        self.number, self.last = 0, 0.0
        for group in self._groups():
            await self.channel_layer.group_add(group, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.watched is None:
            return
        for group in self._groups():
            await self.channel_layer.group_discard(group, self.channel_name)
        await database_sync_to_async(unlocks.end)(self.watched.handle)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        now = time.monotonic()
        if not bytes_data or len(bytes_data) > LARGEST_FRAME or now - self.last < self.SHORTEST_STEP:
            return
        self.last = now
        self.number += 1
        try:
            if not await self._show(bytes_data, self.number):
                await self.close(code=NOT_ALLOWED)
        except CosmicError as error:
            await self.send_json(presence.broken(error))
        except Exception:  # Redis away: nobody looks, nothing is renewed, and the page hides the text
            await self.send_json(presence.broken(CosmicError(ErrorCode.BROKER_UNAVAILABLE)))

    async def presence_seen(self, event: dict) -> None:
        await self.send_json(event["content"])

    async def message_gone(self, event: dict) -> None:
        await self.send_json({"type": "gone"})
        await self.close()

    def _groups(self) -> tuple[str, ...]:
        return (unlock_group(self.watched.handle), message_group(self.message_id)) if self.watched else ()

    @database_sync_to_async
    def _begins(self, person: Person) -> bool:
        """Whether there is an unlock to keep. The socket holds on to who it was opened for."""
        try:
            copy_of(person=person, message_id=self.message_id)
            handle = unlocks.handle_of(binding=binding_of(self.scope), message_id=self.message_id, person=person)
            if not unlocks.live(handle):
                return False
        except CosmicError:
            return False
        self.watched = presence.Watched(presence.new_watcher(), handle, person.pk, str(self.message_id))
        return True

    @database_sync_to_async
    def _show(self, frame: bytes, number: int) -> bool:
        """False for a session that has ended: then nobody is looked at, and the unlock goes with the socket."""
        if self.watched is None or not account_behind(self.scope).is_active:
            return False
        if limits.preview_allowed(request_of(self.scope)):
            presence.show_frame(watched=self.watched, number=number, frame=frame)
        return True


class UnlockCaptureConsumer(CaptureConsumer):
    """The progress of a capture that is to open a message."""

    def binding(self) -> str:
        return unlocks.unlock_binding(binding_of(self.scope), self.scope["url_route"]["kwargs"]["message_id"])


@database_sync_to_async
def _person(scope: dict) -> Person | None:
    user = scope["user"]
    allowed = scope_allows(scope.get("token_scopes"), Scope.MESSAGES)
    return person_of(user) if user.is_authenticated and user.is_active and allowed else None
