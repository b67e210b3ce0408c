"""Single camera frames on their way to the worker: sealed in Redis for a few seconds, taken once. Tasks carry ids alone."""

from __future__ import annotations

from django.core.cache import cache

from apps.identities.vault import Unsealable, seal, unseal

KEPT_SECONDS = 5
LARGEST_FRAME = 100_000  # bytes


def put_frame(content: bytes, *, kind: str, frame_id: str) -> None:
    """Keep ``content`` for the worker. ``kind`` is also the sealing's purpose."""
    cache.set(f"{kind}:{frame_id}", seal(content, purpose=kind, bound_to=frame_id), timeout=KEPT_SECONDS)


def take_frame(frame_id: str, *, kind: str) -> bytes | None:
    """What was kept, once; None when it is gone, was changed, or another worker has it."""
    sealed = cache.get(f"{kind}:{frame_id}")
    if sealed is None or not cache.delete(f"{kind}:{frame_id}"):
        return None
    try:
        return unseal(sealed, purpose=kind, bound_to=frame_id)
    except Unsealable:
        return None
