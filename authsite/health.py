"""Whether web, database, broker and worker are there, told apart."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from apps.workers import SIGNS_OF_LIFE


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The web process answers."""
    return JsonResponse({"web": {"ok": True}})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when a capture sent now would be decided; 503, and what is missing, when not."""
    parts: dict[str, dict[str, Any]] = {
        "web": {"ok": True},
        "database": _database(),
        "broker": _broker(),
        "worker": worker_health(),
    }
    return JsonResponse(parts, status=200 if all(part["ok"] for part in parts.values()) else 503)


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True, "kind": connection.vendor}


def _broker() -> dict[str, Any]:
    try:
        cache.client.get_client().ping()  # type: ignore[attr-defined]
    except (RedisError, OSError) as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True}


def worker_health() -> dict[str, Any]:
    """Workers write a sign of life once their models are warm."""
    try:
        keys = cache.keys(SIGNS_OF_LIFE)  # type: ignore[attr-defined]
        seen = [value for value in cache.get_many(keys).values() if value]
    except Exception as error:  # django-redis wraps Redis's errors in its own
        return {"ok": False, "error": type(error).__name__}
    if not seen:
        return {"ok": False, "workers": 0}
    return {"ok": True, "workers": len(seen), "seconds_since_seen": round(time.time() - max(seen), 1)}
