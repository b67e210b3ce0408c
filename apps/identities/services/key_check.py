"""Whether the configured master key is the one that the data were sealed with. Web and worker do not start without."""

from __future__ import annotations

import itertools

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection, transaction

from apps.audit.services.record import record_event
from apps.identities import blobs, master_keys, root_secret
from apps.identities.models import RootSecret, Sample, Template
from apps.identities.sealed_vectors import open_vector
from apps.identities.vault import Unsealable


def check_master_key() -> None:
    """Open the root secret; make it where nothing was sealed before.

    Raises:
        ImproperlyConfigured: the keys open nothing here, are none, or the database cannot be asked. The message says
            which variable or file is meant and what to do.
    """
    try:
        if RootSecret._meta.db_table not in connection.introspection.table_names():
            raise ImproperlyConfigured("The database is not migrated: run `python manage.py migrate` first.")
        _check()
    except Error as error:
        raise ImproperlyConfigured(
            f"The database does not answer, so the master key is not checked: {error}"
        ) from error


def _check() -> None:
    made = RootSecret.objects.filter(pk=1).exists()
    anything = made or Template.objects.exists() or Sample.objects.exists()
    if anything and not master_keys.from_environment() and not master_keys.key_file().exists():
        raise ImproperlyConfigured(
            f"The master key is missing: {master_keys.source()} is not there, and what is stored here was sealed with it. "
            "Restore it from your backup, or set COSMIC_MASTER_KEY."
        )
    keys = master_keys.configured()  # says itself what is wrong with a key that is none
    try:
        if not made:
            _open_some()
            _make()
        root_secret.stored_or_made()
    except Unsealable as error:
        names = ", ".join(key.id.hex() for key in keys)
        raise ImproperlyConfigured(
            f"Wrong master key: {master_keys.source()} holds key {names}, which does not open what is stored here "
            f"({error}). Put back the key that it was sealed with."
        ) from error
    root_secret.root_secret()  # from here on digests need no query, which an event loop could not make


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
