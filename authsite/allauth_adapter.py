"""How django-allauth behaves here: nobody signs up, and second-factor secrets are sealed."""

from __future__ import annotations

import base64

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from apps.identities.vault import seal, unseal


class InvitedOnly(DefaultAccountAdapter):
    def is_open_for_signup(self, request) -> bool:
        return False


class SealedSecrets(DefaultMFAAdapter):
    PURPOSE = "second-factor"

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), purpose=self.PURPOSE, bound_to="")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text), purpose=self.PURPOSE, bound_to="").decode()
