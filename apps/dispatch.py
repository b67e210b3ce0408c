"""The names of the worker's tasks, and the one place that sends them.

The web process never imports ``worker``; a test checks that every name here is registered there.
"""

from __future__ import annotations

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.errors import CosmicError, ErrorCode

RUN_CASCADE = "worker.tasks.run_cascade"
JUDGE_ANSWER = "worker.tasks.judge_answer"
DESCRIBE_PREVIEW = "worker.tasks.describe_preview"
RUN_ENROLMENT = "worker.tasks.run_enrolment"
WATCH_READER = "worker.tasks.watch_reader"
REBUILD_GALLERY = "worker.tasks.rebuild_gallery"

TASKS = (RUN_CASCADE, JUDGE_ANSWER, DESCRIBE_PREVIEW, WATCH_READER, RUN_ENROLMENT, REBUILD_GALLERY)


def send_task(name: str, *args: object, expires: float | None = None) -> None:
    """Put a task on the broker now.

    Raises:
        CosmicError: ``broker_unavailable`` (503) when the broker does not take it.
    """
    try:
        current_app.send_task(name, args=args, expires=expires)
    except (OperationalError, RedisError, OSError) as error:
        raise CosmicError(ErrorCode.BROKER_UNAVAILABLE, status=503, retry_after=5) from error


def send_on_commit(name: str, *args: object) -> None:
    """Put a task on the broker once the surrounding transaction has committed.

    A broker that is down then costs nothing but time: the row stays queued and
    ``take_up_lost_work`` sends it again.
    """
    transaction.on_commit(lambda: send_task(name, *args))
