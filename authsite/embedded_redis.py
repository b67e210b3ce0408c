"""Where the Redis of the embedded deployment listens: a Unix socket that only its owner can open."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

# The kernel's limit for a socket's path is 108 bytes with the closing zero.
LONGEST_SOCKET_PATH = 100


def socket_path(state_dir: Path) -> Path:
    """The socket beside the data; where that path is too long for the kernel, in a private temporary folder."""
    path = (state_dir / "run" / "redis.sock").absolute()
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cosmic-{digest}" / "redis.sock"


def url(state_dir: Path) -> str:
    return f"unix://{socket_path(state_dir)}?db=0"


def celery_url(redis_url: str) -> str:
    """Celery spells a Redis over a Unix socket in its own way."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        database = query.removeprefix("db=") or "0"
        return f"redis+socket://{path}?virtual_host={database}"
    return redis_url
