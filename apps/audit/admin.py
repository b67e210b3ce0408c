"""The audit trail in the admin: read only."""

from __future__ import annotations

from django.contrib import admin

from apps.audit.models import Event
from apps.read_only import ReadOnly


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("at", "action", "result", "actor_id", "subject_id", "address", "reference")
    list_filter = ("action", "result")
    search_fields = ("subject_id", "reference")
