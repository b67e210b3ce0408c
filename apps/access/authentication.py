"""API tokens with scopes. Whoever comes with a token reaches those views alone that name one of its scopes."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from apps.access.models import ApiToken
from apps.permissions import scope_allows

COARSE = timedelta(minutes=1)


class ScopedTokenAuthentication(TokenAuthentication):
    """The scope is asked for here and not by a permission class, so that no view can forget it by choosing its own."""

    def authenticate(self, request: Request):
        found = super().authenticate(request)
        if found is not None and not scope_allows(found[1].api.scopes, wanted_by(request)):
            raise PermissionDenied
        return found

    def authenticate_credentials(self, token: bytes):
        """The account and the knox token, whose ``api`` is its ``ApiToken``.

        Raises:
            AuthenticationFailed: unknown, expired, no token at all, without a row, or of a closed account.
        """
        if not token.isalnum():  # knox decodes it without looking
            raise AuthenticationFailed
        user, auth_token = super().authenticate_credentials(token)
        row = ApiToken.objects.filter(token=auth_token).first()
        if row is None:
            raise AuthenticationFailed
        auth_token.api = row
        note_use(row)
        return user, auth_token


def wanted_by(request: Request):
    """The ``token_scope`` of the view that a request is for; None when it names none."""
    return getattr((request.parser_context or {}).get("view"), "token_scope", None)


def scopes_of(auth_token: AuthToken) -> frozenset[str]:
    """The scopes of a token that ``authenticate_credentials`` gave."""
    return frozenset(auth_token.api.scopes)  # type: ignore[attr-defined]


def note_use(row: ApiToken) -> None:
    """When a token was last used, written once a minute at most."""
    now = timezone.now()
    if row.last_used_at is None or now - row.last_used_at >= COARSE:
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=now)
