"""Each stage's result: stored, and pushed to whoever watches the capture, its owner or an operator at the monitor."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from apps.verification.models import Capture, StageRecord

log = logging.getLogger(__name__)

MONITOR = "monitor"  # the group of all open monitors


def group_of(capture: Capture) -> str:
    return f"capture.{capture.public_id.hex}"


def publish_stage(capture: Capture, position: int, values: dict[str, Any]) -> None:
    """Store what a stage found and tell the watchers that there is news.

    Arguments:
        values: keys stage, outcome, reason, llr, evidence, milliseconds.
    """
    StageRecord.objects.update_or_create(
        capture=capture,
        position=position,
        defaults={
            "name": values["stage"],
            "outcome": values["outcome"],
            "reason": values["reason"],
            "llr": values["llr"],
            "evidence": values["evidence"],
            "milliseconds": values["milliseconds"],
        },
    )
    tell_watchers(capture)


def tell_watchers(capture: Capture) -> None:
    """Only the news that there is news: each watcher then reads what it may see. Lost news costs nothing but time."""
    try:
        async_to_sync(_tell)(capture)
    except Exception:  # the result is stored; a page that misses the push polls, the monitor reads all again
        log.warning("watchers of capture %s could not be told", capture.public_id, exc_info=True)


async def _tell(capture: Capture) -> None:
    layer = get_channel_layer()
    await layer.group_send(group_of(capture), {"type": "capture.changed"})
    await layer.group_send(MONITOR, {"type": "monitor.changed", "capture": capture.pk})
