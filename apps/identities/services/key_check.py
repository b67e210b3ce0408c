"""Whether the configured master key is the one that the data were sealed with. Web and worker do not start without."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction

from apps.audit.services.record import record_event
from apps.identities import blobs, master_keys, root_secret
from apps.identities.models import RootSecret, Sample, Template
from apps.identities.sealed_vectors import open_vector
from apps.identities.services.resealing import kinds
from apps.identities.vault import Unsealable

log = logging.getLogger(__name__)


def check_master_key() -> None:
    """Open the root secret, and look for values under a key that is not configured. Make the secret where nothing was
    sealed before.

    Raises:
        ImproperlyConfigured: the keys do not open what is stored here, are none, or the database cannot be asked. The
            message says which variable or file is meant and what to do.
    """
    with _in_words():
        foreign = _open_root_secret()
        if foreign:
            raise ImproperlyConfigured(
                f"{_a_key_is_missing(foreign)} `python manage.py rotate_master_key` names the values.{_second_file()}"
            )
        if _second_file():
            log.warning("a rotation of the master key is about to end, or was cut off there.%s", _second_file())


def check_root_secret() -> None:
    """The first half of ``check_master_key``, for a rotation, which names what does not open by itself."""
    with _in_words():
        _open_root_secret()


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        if RootSecret._meta.db_table not in connection.introspection.table_names():
            raise ImproperlyConfigured("The database is not migrated: run `python manage.py migrate` first.")
        yield
    except Error as error:
        raise ImproperlyConfigured(
            f"The database does not answer, so the master key is not checked: {error}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"{master_keys.source()} or the sealed folder cannot be read, so the master key is not checked: {error}"
        ) from error


def _open_root_secret() -> list[str]:
    """Names the kinds that have values under a key that is not configured. Without a root secret there may be none."""
    # Asked twice, because a rotation may add its key between the look at the keys and the look at the values.
    foreign = [kind.name for kind in kinds() if kind.foreign() and kind.foreign()]
    made = RootSecret.objects.filter(pk=1).exists()
    anything = made or foreign or Template.objects.exists() or Sample.objects.exists()
    if anything and not master_keys.known():
        raise ImproperlyConfigured(
            f"The master key is missing: {master_keys.source()} is not there, and what is stored here was sealed with it. "
            "Restore it from your backup, or set COSMIC_MASTER_KEY."
        )
    keys = master_keys.configured()  # says itself what is wrong with a key that is none
    try:
        if not made:
            _open_some()
            if foreign:
                raise ImproperlyConfigured(f"{_a_key_is_missing(foreign)}{_second_file()}")
            _make()
        root_secret.stored_or_made()
    except Unsealable as error:
        names = ", ".join(key.id.hex() for key in keys)
        raise ImproperlyConfigured(
            f"Wrong master key: {master_keys.source()} holds key {names}, which does not open what is stored here "
            f"({error}). Put back the key that it was sealed with.{_second_file()}"
        ) from error
    root_secret.root_secret()  # from here on digests need no query, which an event loop could not make
    return foreign


def _a_key_is_missing(foreign: list[str]) -> str:
    return (
        f"A master key is missing: some values were sealed with a key that is not configured: {', '.join(foreign)}. Put "
        f"that key back into {master_keys.source()}, the oldest key last."
    )


def _second_file() -> str:
    """What to do about a drop that was killed; empty where there was none."""
    if master_keys.from_environment() or not master_keys.dropped_file().exists():
        return ""
    return (
        f" {master_keys.dropped_file()} holds a key that a rotation took out before it was cut off: `python manage.py "
        "rotate_master_key` puts it back and goes on."
    )


def _make() -> None:
    with transaction.atomic():
        _, new = root_secret.make()
        if new:
            record_event(action="key.root.made", details={"key": master_keys.configured()[0].id.hex()})


def _open_some() -> None:
    """The first and the last of what is stored, from before there was a root secret. Raises Unsealable."""
    for template in _ends(Template.objects):
        open_vector(template)
    for sample in _ends(Sample.objects):
        try:
            blobs.load(sample.blob)
        except FileNotFoundError:
            continue


def _ends(rows) -> itertools.chain:
    return itertools.chain(rows.order_by("pk")[:1], rows.order_by("-pk")[:1])
