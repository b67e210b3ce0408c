"""The audit trail in the admin: read only."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.audit.models import Event


@admin.register(Event)
class EventAdmin(ModelAdmin):
    list_display = ("at", "action", "result", "actor_id", "subject_id", "address", "reference")
    list_filter = ("action", "result")
    search_fields = ("subject_id", "reference")

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
