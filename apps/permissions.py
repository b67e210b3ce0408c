"""What operators may do over the REST API: the same permissions that the admin asks for."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


def may(permission: str) -> type[BasePermission]:
    """A permission class: an operator (staff) who holds ``permission``."""

    class May(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            return bool(request.user.is_staff and request.user.has_perm(permission))

    return May
