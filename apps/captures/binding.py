"""To whom a capture belongs: the browser session or the API account that asked for its nonce."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest


def bound_to(request: HttpRequest) -> str:
    """A digest that names the session (made when there is none yet), or the account of a client with a token."""
    if getattr(request, "auth", None) is not None:
        return account_binding(request.user.pk)
    if request.session.session_key is None:
        request.session.create()
    return session_binding(request.session.session_key)


def session_binding(session_key: str | None) -> str:
    return _digest(f"session:{session_key or 'none'}")


def account_binding(user_id: object) -> str:
    return _digest(f"user:{user_id}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
