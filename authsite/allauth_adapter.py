"""How django-allauth behaves here: nobody signs up, addresses are those of our limits, secrets are sealed."""

from __future__ import annotations

import base64

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter

from apps.captures.addresses import client_address
from apps.identities.vault import seal, unseal


class InvitedOnly(DefaultAccountAdapter):
    def is_open_for_signup(self, request) -> bool:
        return False

    def get_client_ip(self, request) -> str:
        return client_address(request)


class SealedSecrets(DefaultMFAAdapter):
    PURPOSE = "second-factor"

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(text.encode(), purpose=self.PURPOSE, bound_to="")).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(base64.b64decode(encrypted_text), purpose=self.PURPOSE, bound_to="").decode()
