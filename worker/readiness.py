"""Loading and warming when a worker starts, and its word that it is ready.

A worker that has not warmed its models takes no work: warm-up happens in ``worker_init``, before the first task is
fetched, and only ``worker_ready`` starts the sign of life that ``/health/ready`` looks for.
"""

from __future__ import annotations

import logging
import threading
import time

from celery import signals
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured

from apps.identities.services.key_check import check_master_key
from apps.identities.services.models import sync_model_versions
from models.errors import ModelMissing
from worker import wiring

log = logging.getLogger(__name__)

READY_KEY = "worker:ready:{hostname}"
BEAT_SECONDS = 5
KEPT_SECONDS = 15
_stopping = threading.Event()


@signals.worker_init.connect
def load_and_warm(**_: object) -> None:
    """Check the master key, load the models of the answering pack, and say how long it took.

    A wrong key or a pack that cannot be loaded ends the worker here: it could only refuse everybody, and the operator has
    to see that at the start.
    """
    check_key()
    started = time.perf_counter()
    try:
        sync_model_versions(cards=wiring.cards())
        wiring.engines()
    except ModelMissing as error:
        log.error("models are missing: %s", error)
        raise SystemExit(f"The worker cannot start: {error}") from error
    log.info("models loaded and warmed in %.1f s", time.perf_counter() - started)


def check_key() -> None:
    """Raises SystemExit, saying why, where the master key does not open what is stored."""
    try:
        check_master_key()
    except ImproperlyConfigured as error:
        log.error("the master key: %s", error)
        raise SystemExit(f"The worker cannot start: {error}") from error


@signals.worker_ready.connect
def report_ready(sender: object, **_: object) -> None:
    hostname = getattr(sender, "hostname", "worker")
    threading.Thread(target=_keep_saying, args=(READY_KEY.format(hostname=hostname),), daemon=True).start()


@signals.worker_shutting_down.connect
def stop_saying(**_: object) -> None:
    _stopping.set()


def _keep_saying(key: str) -> None:
    while not _stopping.is_set():
        try:
            cache.set(key, time.time(), timeout=KEPT_SECONDS)
        except Exception:  # a broker that restarts must not end the thread; the key runs out by itself
            log.warning("the sign of life could not be written", exc_info=True)
        _stopping.wait(BEAT_SECONDS)
    cache.delete(key)
