"""Whether somebody is there to do what is sent: workers write a sign of life once their models are warm."""

from __future__ import annotations

from django.core.cache import cache

from apps.errors import CosmicError, ErrorCode
from apps.redis_needed import redis_needed

READY_KEY = "worker:ready:{hostname}"
LOADED_KEY = "worker:loaded:{hostname}"  # the pack and what it lacks, for the dashboard
SIGNS_OF_LIFE = READY_KEY.format(hostname="*")
AGAIN_AFTER = 5  # seconds: a worker says so that often


def worker_needed() -> None:
    """Raises CosmicError ``worker_unavailable`` (503) where no worker is ready, ``broker_unavailable`` (503)."""
    with redis_needed():
        if cache.keys(SIGNS_OF_LIFE):  # type: ignore[attr-defined]
            return
    raise CosmicError(ErrorCode.WORKER_UNAVAILABLE, status=503, retry_after=AGAIN_AFTER)
