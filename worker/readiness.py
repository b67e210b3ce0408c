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
from apps.workers import LOADED_KEY, READY_KEY
from models.errors import ModelMissing
from worker import wiring

log = logging.getLogger(__name__)

BEAT_SECONDS = 5
KEPT_SECONDS = 15
_stopping = threading.Event()


@signals.worker_init.connect
def load_and_warm(**_: object) -> None:
    """Check the master key, load the models of the answering pack, and say how long it took.

    A wrong key or a pack that cannot be loaded ends the worker here: it could only refuse everybody, and the operator has
    to see that at the start.

    Raises:
        SystemExit: whatever went wrong. Celery only logs any other exception of a receiver, and takes tasks all the same.
    """
    try:
        check_master_key()
        started = time.perf_counter()
        sync_model_versions(cards=wiring.cards())
        wiring.engines()
    except (ImproperlyConfigured, ModelMissing) as error:  # say in words what to do
        log.error("the worker cannot start: %s", error)
        raise SystemExit(f"The worker cannot start: {error}") from error
    except Exception as error:
        log.exception("the worker cannot start")
        raise SystemExit(f"The worker cannot start: {type(error).__name__}: {error}") from error
    log.info("models loaded and warmed in %.1f s", time.perf_counter() - started)


@signals.worker_ready.connect
def report_ready(sender: object, **_: object) -> None:
    hostname = getattr(sender, "hostname", "worker")
    threading.Thread(target=_keep_saying, args=(hostname, wiring.loaded()), daemon=True).start()


@signals.worker_shutting_down.connect
def stop_saying(**_: object) -> None:
    _stopping.set()


def _keep_saying(hostname: str, loaded: dict[str, object]) -> None:
    ready, held = READY_KEY.format(hostname=hostname), LOADED_KEY.format(hostname=hostname)
    while not _stopping.is_set():
        try:
            cache.set_many({held: loaded, ready: time.time()}, timeout=KEPT_SECONDS)
        except Exception:  # a broker that restarts must not end the thread; the key runs out by itself
            log.warning("the sign of life could not be written", exc_info=True)
        _stopping.wait(BEAT_SECONDS)
    cache.delete_many([ready, held])
