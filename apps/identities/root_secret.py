"""The secret that keyed digests and derived seeds hang on, so that they outlive every master key.

It is a row of the database, sealed under the master key: a rotation seals it anew and its value never changes. When the
row is made, its value is the oldest master key itself. Digests and seeds hung on that key before there was such a row,
and so all that are stored stay right; and whoever makes the row a second time, in another process or after a transaction
that was rolled back, makes the same.

A master key that leaked therefore still gives digests and seeds away after it was rotated out, but opens nothing.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from apps.identities import master_keys
from apps.identities.models import RootSecret
from apps.identities.vault import seal, unseal

PURPOSE = "root-secret"
PLACE = "1"

_opened: dict[tuple[str, Path], bytes] = {}  # by where the keys come from: a process reads the row once


def root_secret() -> bytes:
    """32 bytes.

    Raises:
        apps.identities.vault.Unsealable: the row was sealed with a key that is not here.
    """
    origin = (settings.ENV.master_key, settings.ENV.master_key_file)
    if origin not in _opened:
        _opened[origin] = stored_or_made()
    return _opened[origin]


def stored_or_made() -> bytes:
    """The secret as the database has it; made where it has none. Of two processes that make it one is first."""
    row = RootSecret.objects.filter(pk=1).first()
    if row is None:
        row, _ = make()
    return unseal(row.sealed, purpose=PURPOSE, bound_to=PLACE)


def make() -> tuple[RootSecret, bool]:
    """The row, and whether this call made it."""
    sealed = seal(master_keys.configured()[-1].secret, purpose=PURPOSE, bound_to=PLACE)
    return RootSecret.objects.get_or_create(pk=1, defaults={"sealed": sealed})
