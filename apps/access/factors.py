"""What counts as a second factor of an account."""

from __future__ import annotations

from allauth.mfa.models import Authenticator

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)  # recovery codes alone are none
