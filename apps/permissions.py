"""What the REST API asks of whoever calls: the same permissions as the admin, and of a token its scope too."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from rest_framework.permissions import BasePermission

if TYPE_CHECKING:  # rest_framework.views loads the default authentication, which reads the scopes below
    from django.contrib.auth.models import User
    from django.http import HttpRequest
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Scope(StrEnum):
    """What a token may be used for. A scope is a limit and never a right: the account needs the permission as well.

    A view names what it serves as ``token_scope``, one scope or a set of which one is enough. A view that names none
    takes no token (``apps.access.authentication``).
    """

    VERIFY = "verify"
    IDENTIFY = "identify"
    ENROL = "enrol"
    GALLERY = "gallery"
    MESSAGES = "messages"
    STATS = "stats"
    AUDIT = "audit"


def scope_allows(granted: Collection[str] | None, wanted: Scope | Collection[Scope] | None) -> bool:
    """Whether what a token was ``granted`` covers one of the ``wanted`` scopes. ``granted`` is None for those who came
    without a token, whom scopes do not limit; nothing wanted is nothing allowed."""
    if granted is None:
        return True
    needed = {wanted} if isinstance(wanted, Scope) else set(wanted or ())
    return not needed.isdisjoint(granted)


def may(permission: str) -> type[BasePermission]:
    """A permission class: an operator (staff) who holds ``permission``."""

    class May(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            return bool(request.user.is_staff and request.user.has_perm(permission))

    return May


def actor_of(request: HttpRequest | Request) -> User:
    """The account that acts, behind a permission class or in the admin: those let nobody in who has none."""
    return cast("User", request.user)
