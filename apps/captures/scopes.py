"""What a websocket's scope says: whose it is, and from where it comes."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from apps.captures.binding import account_binding, session_binding


def binding_of(scope: dict) -> str:
    """What belongs to this socket: what its session has begun, or the account of a client with a token."""
    user = scope.get("token_user")
    if user is not None:
        return account_binding(user.pk)
    return session_binding(scope["session"].session_key)


def account_behind(scope: dict):
    """The account that the socket belongs to now: nobody once the session was logged out, the account closed, or the
    token taken away."""
    token = scope.get("token")
    if token is not None:
        held = type(token).objects.select_related("user").filter(pk=token.pk).first()
        return held.user if held is not None and held.user.is_active else AnonymousUser()
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(scope["session"].session_key)
    return get_user(request)


def request_of(scope: dict) -> HttpRequest:
    """As much of a request as the limits need: the client's address, behind trusted proxies the forwarded one."""
    request = HttpRequest()
    client = scope.get("client")
    request.META["REMOTE_ADDR"] = client[0] if client else ""
    forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"")
    if forwarded and settings.ENV.trusted_proxies:
        request.META["HTTP_X_FORWARDED_FOR"] = forwarded.decode("latin-1")
    return request
