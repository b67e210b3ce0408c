"""The second factor: who has one, which operator lacks one, and a code typed beside a request."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from apps.access.factors import FACTORS
from apps.errors import CosmicError
from apps.policies.selectors import current_policy

CODES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


def has_factor(user) -> bool:
    return is_mfa_enabled(user, FACTORS)


def operator_lacks_factor(user) -> bool:
    """Whether this is an operator without a second factor, where policy wants operators to have one. A policy that cannot
    be read is taken to want it: who repairs it has one, or can set one up."""
    if not user.is_staff:
        return False
    try:
        wanted = current_policy().operators_need_second_factor
    except CosmicError:
        wanted = True
    return wanted and not has_factor(user)


def operators_without_factor() -> QuerySet[User]:
    """Accounts that enter the admin by password alone, or would."""
    owners = Authenticator.objects.filter(type__in=FACTORS).values("user")
    return User.objects.filter(is_staff=True, is_active=True).exclude(pk__in=owners)


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
