"""Attempts and decisions in the admin: what each stage saw and why."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from apps.verification.models import Capture, Decision, StageRecord


class StageInline(TabularInline):
    model = StageRecord
    fields = ("position", "name", "outcome", "reason", "llr", "milliseconds", "evidence")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


class DecisionInline(TabularInline):
    model = Decision
    fields = ("outcome", "reason", "person", "posterior", "milliseconds")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Capture)
class CaptureAdmin(ModelAdmin):
    list_display = ("public_id", "purpose", "claimed", "status", "outcome", "address", "created_at")
    list_filter = ("purpose", "status", "decision__outcome")
    list_select_related = ("claimed__user", "decision")
    fields = ("public_id", "purpose", "policy", "claimed", "one_to_many", "status", "error_code", "attempts", "address")
    readonly_fields = fields
    inlines = (DecisionInline, StageInline)

    @admin.display(ordering="decision__outcome")
    def outcome(self, capture: Capture) -> str:
        return capture.decision.outcome if hasattr(capture, "decision") else ""

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False
