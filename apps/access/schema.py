"""How the OpenAPI schema names our tokens."""

from __future__ import annotations

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme

from apps.permissions import Scope


class ScopedTokenScheme(KnoxTokenScheme):
    target_class = "apps.access.authentication.ScopedTokenAuthentication"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scopes = ", ".join(f"`{scope.value}`" for scope in Scope)
        told = f"`Authorization: Token ...`. A token is limited to some of the scopes {scopes}, and runs out."
        return {**super().get_security_definition(auto_schema), "description": told}
