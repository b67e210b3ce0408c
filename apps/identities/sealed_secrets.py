"""Secrets of second factors as django-allauth keeps them: text among other values in a JSON column."""

from __future__ import annotations

import base64
import binascii

from apps.identities.vault import Unsealable, is_current, seal, unseal

PURPOSE = "second-factor"


def seal_secret(text: str) -> str:
    return base64.b64encode(seal(text.encode(), purpose=PURPOSE, bound_to="")).decode()


def open_secret(sealed: str) -> str:
    """Raises apps.identities.vault.Unsealable."""
    return unseal(_decoded(sealed), purpose=PURPOSE, bound_to="").decode()


def secret_is_current(sealed: str) -> bool:
    """Whether it is sealed under the first master key.

    Raises:
        apps.identities.vault.Unsealable: it is no sealed secret.
    """
    return is_current(_decoded(sealed))


def _decoded(sealed: str) -> bytes:
    try:
        return base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unsealable("changed since it was sealed") from error
