"""Fixtures that many tests share. Whatever a test needs of Redis, models or a whole deployment is real."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from pytest_django import DjangoDbBlocker

from apps.audit import triggers
from apps.identities import gallery
from authsite import embedded, embedded_redis
from tests.deployment import Deployment, running
from tests.environment import SHARED
from worker.engines.types import Engines


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[None]:
    """The Redis that a deployment starts, for the tests that run in this process."""
    process = subprocess.Popen(embedded.redis_command(settings.ENV), stdout=subprocess.DEVNULL)
    socket = embedded_redis.socket_path(settings.STATE_DIR)
    deadline = time.monotonic() + 10
    while not socket.exists():
        assert time.monotonic() < deadline, "Redis did not start"
        time.sleep(0.02)
    yield
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests that commit are cleaned up by deleting everything, which the audit trail's triggers forbid. Tests of the
    triggers put them back."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for statement in triggers.removing(connection.vendor):
            cursor.execute(statement)


@pytest.fixture(autouse=True)
def empty_redis(redis_server: None) -> None:
    cache.client.get_client().flushdb()


@pytest.fixture(autouse=True)
def forgotten_matrices() -> None:
    """What a worker keeps in memory belongs to the database of one test."""
    gallery._matrices.clear()


@pytest.fixture(scope="session")
def engines(redis_server: None) -> Engines:
    """The built-in pack, loaded and warm."""
    from worker import wiring

    wiring.configure_runtime()
    return wiring.runtime.get("builtin")


@pytest.fixture(scope="session")
def cosmic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A whole deployment, as ``make up`` starts it: Redis, web server, worker and clock."""
    with running(tmp_path_factory.mktemp("cosmic")) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def shared() -> Path:
    """Models and data beside the project."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there (set COSMIC_SHARED)")
    return SHARED
