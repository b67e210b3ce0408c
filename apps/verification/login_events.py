"""Every login and every logout of a browser, and every password that was wrong, in the audit trail."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from apps.audit.services.record import record_event
from apps.captures.addresses import client_address

OPERATORS_API = "/admin/login"  # writes events of its own


def connect() -> None:
    user_logged_in.connect(logged_in, dispatch_uid="verification.logged_in")
    user_logged_out.connect(logged_out, dispatch_uid="verification.logged_out")
    user_login_failed.connect(login_failed, dispatch_uid="verification.login_failed")


def logged_in(sender: object, user, request: HttpRequest | None = None, **_: object) -> None:
    record_event(action="account.login", actor_id=user.pk, subject_id=user.pk, result="session", address=_from(request))


def logged_out(sender: object, user=None, request: HttpRequest | None = None, **_: object) -> None:
    if user is not None:
        record_event(action="account.logout", actor_id=user.pk, subject_id=user.pk, address=_from(request))


def login_failed(sender: object, credentials: dict, request: HttpRequest | None = None, **_: object) -> None:
    """The account where there is one of that name; the name itself is not written, for it may be a mistyped password."""
    if request is not None and request.path == OPERATORS_API:
        return
    account = get_user_model().objects.filter(username=str(credentials.get("username", ""))).first()
    record_event(
        action="account.login", subject_id=account.pk if account else "", result="refused", address=_from(request)
    )


def _from(request: HttpRequest | None) -> str | None:
    return client_address(request) if request is not None and request.META.get("REMOTE_ADDR") else None
