"""Enrolment in the admin: jobs, and duplicates that wait for an operator's word."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest

from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.enrollment.services.duplicates import decide_duplicate
from apps.errors import CosmicError
from apps.read_only import ReadOnly


@admin.register(EnrolmentJob)
class EnrolmentJobAdmin(ReadOnly):
    list_display = ("public_id", "person", "source", "status", "accepted", "done", "total", "created_at")
    list_filter = ("status", "source")
    list_select_related = ("person__user",)
    exclude = ("blob",)


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    list_display = ("person", "created_at", "expires_at", "used_at")
    list_select_related = ("person__user",)
    exclude = ("token_digest",)


@admin.register(DuplicateCase)
class DuplicateCaseAdmin(ReadOnly):
    list_display = ("person", "resembles", "modality", "llr", "status", "decided_at")
    list_filter = ("status",)
    list_select_related = ("person__user", "resembles__user")
    actions = ("same_person", "different_people")

    @admin.action(description="The same person: turn the newcomer away", permissions=["decide"])
    def same_person(self, request: HttpRequest, queryset) -> None:
        self._decide(request, queryset, same=True)

    @admin.action(description="Different people: let the newcomer in", permissions=["decide"])
    def different_people(self, request: HttpRequest, queryset) -> None:
        self._decide(request, queryset, same=False)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("enrollment.change_duplicatecase")

    def _decide(self, request: HttpRequest, queryset, *, same: bool) -> None:
        for case in queryset.select_related("person"):
            try:
                decide_duplicate(case=case, same=same, note="", actor_id=request.user.pk)
            except CosmicError as error:
                messages.warning(request, f"{case}: {error.sentence}")
