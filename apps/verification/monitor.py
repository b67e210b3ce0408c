"""The operators' websocket: captures as they run, stage by stage. No pictures, no measurements.

Who may watch is asked again before anything is sent, so that a suspended or logged-out operator stops seeing.
"""

from __future__ import annotations

import asyncio
import logging

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from apps.audit.services.record import record_event
from apps.captures.addresses import client_address
from apps.captures.scopes import account_behind, request_of
from apps.verification.models import Capture
from apps.verification.services.progress import MONITOR

PERMISSION = "verification.view_scanner_monitor"
NOT_ALLOWED = 4403
FAILED = 1011
NEWEST = 50

log = logging.getLogger(__name__)


class MonitorConsumer(AsyncJsonWebsocketConsumer):
    """Sends the newest captures at once, those that changed as they change, and all again every ``RECHECK`` seconds."""

    RECHECK = 30.0  # seconds between two looks at the permission when nothing happens
    STEP = 0.25  # seconds between two sendings, however many stages fall

    watching: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if not await self._may_watch():
            await self.close(code=NOT_ALLOWED)
            return
        self.changed: set[int] = set()
        self.news = asyncio.Event()
        await self.channel_layer.group_add(MONITOR, self.channel_name)
        await self._note_opening()
        await self.accept()
        self.watching = asyncio.create_task(self._watch())

    async def disconnect(self, code: int) -> None:
        if self.watching is not None:
            self.watching.cancel()
            await self.channel_layer.group_discard(MONITOR, self.channel_name)

    async def monitor_changed(self, event: dict) -> None:
        self.changed.add(event["capture"])
        self.news.set()

    async def _watch(self) -> None:
        """Until the page goes or may not watch any more. Whatever fails closes the socket, and the page says so."""
        try:
            wanted: set[int] | None = None  # all of the newest
            while await self._may_watch():
                await self.send_json({"type": "captures", "captures": await captures_shown(wanted)})
                await asyncio.sleep(self.STEP)
                wanted = await self._news()
            await self.close(code=NOT_ALLOWED)
        except Exception:
            log.exception("the monitor cannot go on")
            await self.close(code=FAILED)

    async def _news(self) -> set[int] | None:
        """The captures that changed, as soon as there are any; None when nothing was heard for long."""
        try:
            await asyncio.wait_for(self.news.wait(), self.RECHECK)
        except TimeoutError:
            return None
        self.news.clear()
        changed, self.changed = self.changed, set()
        return changed

    @database_sync_to_async
    def _may_watch(self) -> bool:
        user = None if self.scope.get("token") else account_behind(self.scope)  # API tokens do not watch
        return bool(user and user.is_active and user.is_staff and user.has_perm(PERMISSION))

    @database_sync_to_async
    def _note_opening(self) -> None:
        address = client_address(request_of(self.scope))
        record_event(action="monitor.opened", actor_id=account_behind(self.scope).pk, address=address)


@database_sync_to_async
def captures_shown(wanted: set[int] | None) -> list[dict[str, object]]:
    """The captures with these keys, or all; newest first, at most ``NEWEST``."""
    captures = Capture.objects.all() if wanted is None else Capture.objects.filter(pk__in=wanted)
    shown = captures.select_related("claimed__user", "decision").prefetch_related("stages").order_by("-pk")
    return [monitor_values(capture) for capture in shown[:NEWEST]]


def monitor_values(capture: Capture) -> dict[str, object]:
    """A capture as the monitor shows it. Needs claimed user, decision and stages at hand."""
    decision = getattr(capture, "decision", None)
    return {
        "number": capture.pk,
        "at": capture.created_at.isoformat(timespec="seconds"),
        "purpose": capture.purpose,
        "address": capture.address or "",
        "claimed": _claim(capture),
        "status": capture.get_status_display(),
        "stages": [
            {"stage": one.name, "outcome": one.outcome, "reason": one.reason, "milliseconds": round(one.milliseconds)}
            for one in capture.stages.all()
        ],
        "decision": {"outcome": decision.outcome, "reason": decision.reason} if decision else None,
    }


def _claim(capture: Capture) -> str:
    if capture.one_to_many:
        return "nobody named"
    return capture.claimed.user.get_username() if capture.claimed else "a name that nobody has"
