"""``manage.py worker_health``: ends with 0 when the worker of this machine has its models warm; for health checks."""

from __future__ import annotations

import socket

from django.core.cache import cache
from django.core.management.base import BaseCommand, CommandError

from apps.workers import READY_KEY


class Command(BaseCommand):
    help = "Fail unless a worker of this machine gave its sign of life in the last seconds."

    def handle(self, **_: object) -> None:
        # Celery names a worker <name>@<machine>; the key holds the whole name.
        keys = cache.keys(READY_KEY.format(hostname=f"*@{socket.gethostname()}"))  # type: ignore[attr-defined]
        if not keys:
            raise CommandError("no worker of this machine is ready")
        self.stdout.write("ready")
