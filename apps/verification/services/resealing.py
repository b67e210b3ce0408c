"""What captures, challenges and second factors have sealed, for a rotation of the master key."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models import QuerySet

from apps.identities.sealed_secrets import open_secret, seal_secret, secret_is_current
from apps.identities.services.resealing import Sealed, replace_unchanged, sealed_files, sealed_rows
from apps.identities.vault import Unsealable, is_foreign
from apps.verification.models import CognitiveChallenge
from apps.verification.services import answers

# What allauth encrypts, by its key in ``Authenticator.data``; the last is a list.
SECRETS = ("secret", "seed")
LISTED = "migrated_codes"


def sealed_here() -> list[Sealed]:
    return [
        sealed_files(name="captures", folder="captures"),
        sealed_rows(
            name="answers that are not judged yet",
            rows=CognitiveChallenge.objects.all,
            field="sealed_answer",
            purpose=answers.PURPOSE,
            place=answers.place_of,
        ),
        Sealed("second factors", _pending_factors, _reseal_factors, _any_foreign_factor),
    ]


def _factors() -> QuerySet[Authenticator]:
    return Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk")


def _any_foreign_factor() -> bool:
    return any(any(map(_is_foreign, _secrets_of(data))) for data in _factors().values_list("data", flat=True))


def _pending_factors() -> list[int]:
    return [pk for pk, data in _factors().values_list("pk", "data") if not all(map(_is_current, _secrets_of(data)))]


def _reseal_factors(pks: Sequence[int]) -> list[int]:
    changes, closed = [], []
    for pk, data in Authenticator.objects.filter(pk__in=pks).values_list("pk", "data"):
        try:
            changes.append((pk, data, _changed(data, lambda sealed: seal_secret(open_secret(sealed)))))
        except Unsealable:
            closed.append(pk)
    replace_unchanged(Authenticator, "data", changes)
    return closed


def _is_current(sealed: str) -> bool:
    try:
        return secret_is_current(sealed)
    except Unsealable:
        return False


def _is_foreign(sealed: str) -> bool:
    try:
        return is_foreign(base64.b64decode(sealed, validate=True))
    except ValueError:  # no base64, so damaged
        return False


def _secrets_of(data: dict[str, Any]) -> list[str]:
    return [*(data[key] for key in SECRETS if key in data), *data.get(LISTED, [])]


def _changed(data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    changed = data | {key: change(data[key]) for key in SECRETS if key in data}
    if LISTED in data:
        changed[LISTED] = [change(code) for code in data[LISTED]]
    return changed
