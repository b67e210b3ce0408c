"""The web process's start and stop (ASGI lifespan): it does not start with a wrong master key, and says why."""

from __future__ import annotations

import logging
from typing import Any

from channels.db import database_sync_to_async
from django.core.exceptions import ImproperlyConfigured

from apps.identities.services.key_check import check_master_key

log = logging.getLogger(__name__)


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """What a server asks before it takes the first request. Without an answer it serves nobody."""
    while (await receive())["type"] == "lifespan.startup":
        try:
            await database_sync_to_async(check_master_key)()
        except ImproperlyConfigured as error:
            log.error("COSMIC does not start: %s", error)
            await send({"type": "lifespan.startup.failed", "message": f"COSMIC does not start: {error}"})
            return
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
