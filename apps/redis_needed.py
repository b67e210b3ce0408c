"""For what cannot be done without Redis: a limit that cannot count, or an unlock that cannot be looked up, lets nobody
through."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django_redis.exceptions import ConnectionInterrupted
from redis.exceptions import RedisError

from apps.errors import CosmicError, ErrorCode


@contextlib.contextmanager
def redis_needed() -> Iterator[None]:
    """Raises CosmicError ``broker_unavailable`` (503) where Redis does not answer inside."""
    try:
        yield
    except (ConnectionInterrupted, RedisError, OSError) as error:
        raise CosmicError(ErrorCode.BROKER_UNAVAILABLE, status=503, retry_after=5) from error
