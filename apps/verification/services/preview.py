"""Preview frames: what the system sees, told while the person still arranges themselves. Nothing is stored.

A frame lies sealed in Redis for a few seconds under a random id; the task carries the id alone.
"""

from __future__ import annotations

import secrets

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.core.cache import cache

from apps import dispatch
from apps.errors import SENTENCES, ErrorCode
from apps.identities.vault import Unsealable, seal, unseal

PURPOSE = "previews"
KEPT_SECONDS = 5
LARGEST_FRAME = 100_000


def group_of(preview_id: str) -> str:
    return f"preview.{preview_id.split('-')[0]}"


def new_watcher() -> str:
    return secrets.token_hex(8)


def show_frame(*, watcher: str, frame: bytes) -> None:
    """Put one frame before the worker.

    Raises:
        CosmicError: ``broker_unavailable``.
    """
    preview_id = f"{watcher}-{secrets.token_hex(8)}"
    cache.set(f"preview:{preview_id}", seal(frame, purpose=PURPOSE, bound_to=preview_id), timeout=KEPT_SECONDS)
    dispatch.send_task(dispatch.DESCRIBE_PREVIEW, preview_id, expires=KEPT_SECONDS)


def take_frame(preview_id: str) -> bytes | None:
    """The frame, once; None when it is gone."""
    sealed = cache.get(f"preview:{preview_id}")
    if sealed is None:
        return None
    cache.delete(f"preview:{preview_id}")
    try:
        return unseal(sealed, purpose=PURPOSE, bound_to=preview_id)
    except Unsealable:
        return None


def publish(preview_id: str, *, faces: int, box: tuple[float, ...] | None, reasons: list[str]) -> None:
    """Tell the watcher what was seen; ``box`` in shares of the picture's sides."""
    message = {
        "type": "preview.seen",
        "content": {
            "type": "preview",
            "faces": faces,
            "box": [round(float(value), 4) for value in box] if box else None,
            "hints": [{"code": reason, "message": SENTENCES[ErrorCode(reason)]} for reason in reasons],
        },
    }
    async_to_sync(get_channel_layer().group_send)(group_of(preview_id), message)
