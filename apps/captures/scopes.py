"""What a websocket's scope says: whose it is, and from where it comes."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from apps.captures.binding import account_binding, session_binding


def binding_of(scope: dict) -> str:
    """What belongs to this socket: what its session has begun, or the account of a client with a token."""
    user = scope.get("token_user")
    if user is not None:
        return account_binding(user.pk)
    return session_binding(scope["session"].session_key)


def request_of(scope: dict) -> HttpRequest:
    """As much of a request as the limits need: the client's address, behind trusted proxies the forwarded one."""
    request = HttpRequest()
    client = scope.get("client")
    request.META["REMOTE_ADDR"] = client[0] if client else ""
    forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"")
    if forwarded and settings.ENV.trusted_proxies:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded.decode("latin-1")
    return request
