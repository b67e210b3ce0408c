"""Admin pages that show and change nothing."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class NeverChanged(ModelAdmin):
    """Rows that may be added, each in its own way, and are looked at from then on."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context=None
    ) -> HttpResponse:
        """Django takes what is sent to the page of a row with ``_saveasnew`` for a new row, whoever may change the old one."""
        if request.method == "POST" and object_id is not None:
            raise PermissionDenied
        return super().changeform_view(request, object_id, form_url, extra_context)

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


class ReadOnly(NeverChanged):
    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
