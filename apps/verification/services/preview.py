"""Preview frames: what the system sees, told while the person still arranges themselves. Nothing is stored.

A frame lies sealed in Redis for a few seconds under a random id; the task carries the id alone.
"""

from __future__ import annotations

import secrets

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from apps import dispatch
from apps.captures import frames
from apps.errors import SENTENCES, ErrorCode

PURPOSE = "previews"


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
    frames.put_frame(frame, kind=PURPOSE, frame_id=preview_id)
    dispatch.send_task(dispatch.DESCRIBE_PREVIEW, preview_id, expires=frames.KEPT_SECONDS)


def take_frame(preview_id: str) -> bytes | None:
    """The frame, once; None when it is gone."""
    return frames.take_frame(preview_id, kind=PURPOSE)


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
