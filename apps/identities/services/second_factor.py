"""The second factor where there is no page for it: a code typed beside a request."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction

CODES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def has_code(user) -> bool:
    """Whether the account has an authenticator app. Recovery codes alone are no factor; a passkey gives no code."""
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()


def code_holds(user, code: str) -> bool:
    """Whether ``code`` is one of the account's app, or a recovery code, which is used up by this."""
    factors = Authenticator.objects.filter(user=user, type__in=CODES)
    for factor in factors.filter(type=Authenticator.Type.TOTP):
        if TOTP(factor).validate_code(code):
            return True
    with transaction.atomic():  # a recovery code is locked while it is used up
        return any(RecoveryCodes(f).validate_code(code) for f in factors.filter(type=Authenticator.Type.RECOVERY_CODES))
