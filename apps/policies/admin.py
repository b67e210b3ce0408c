"""The policy in the admin: what holds, what was changed by whom and why, and a change with its reason."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.module_loading import import_string

from apps.errors import CosmicError, ErrorCode
from apps.policies import operating_points
from apps.policies.forms import PolicyForm, WeakenForm, initial_of
from apps.policies.models import PolicyVersion
from apps.policies.selectors import in_lines, policy_at, policy_to_change
from apps.policies.services.change import change_policy
from apps.policies.words import changes_in_words
from apps.read_only import NeverChanged

ASKED_AGAIN = "asked_again"


@admin.register(PolicyVersion)
class PolicyVersionAdmin(NeverChanged):
    list_display = ("number", "at", "changed_by", "reason", "what")
    list_display_links = ("number", "at")
    list_before_template = "policies/current.html"
    fields = ("number", "at", "changed_by", "reason", "what_in_full")
    readonly_fields = fields
    search_fields = ("reason", "changed_by")

    @admin.display(description="what changed")
    def what(self, version: PolicyVersion) -> str:
        return "; ".join(map(str, changes_in_words(version.changes)))

    @admin.display(description="what changed")
    def what_in_full(self, version: PolicyVersion) -> str:
        values = {"changes": changes_in_words(version.changes), "number": version.number}
        return render_to_string("policies/changes.html", values)

    def changelist_view(self, request: HttpRequest, extra_context=None) -> HttpResponse:
        policy, readable = policy_to_change()
        shown = {
            "policy": policy,
            "readable": readable,
            "lines": in_lines(policy),
            "may_change": self.has_add_permission(request),
        }
        return super().changelist_view(request, (extra_context or {}) | shown)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context=None) -> HttpResponse:
        """The form of a change; ``?back_to=N`` fills it with what change N meant."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self._changed(request)
        held, readable = policy_to_change()
        back_to = request.GET.get("back_to", "")
        start = policy_at(int(back_to)) if back_to.isdecimal() else held
        form = PolicyForm(
            initial=initial_of(start, based_on=held.number), choices=(choices := operating_points.choices())
        )
        return self._page(request, form, choices, readable=readable)

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def _changed(self, request: HttpRequest) -> HttpResponse:
        choices = operating_points.choices()
        form = PolicyForm(request.POST, choices=choices)
        again = WeakenForm(request.POST if ASKED_AGAIN in request.POST else None)
        if not form.is_valid():
            return self._page(request, form, choices)
        try:
            version = change_policy(
                values=form.values(),
                reason=form.cleaned_data["reason"],
                actor=request.user,
                based_on=form.cleaned_data["based_on"],
                confirmed=again.is_valid(),
                address=import_string(settings.POLICY_CLIENT_ADDRESS)(request),
            )
        except CosmicError as error:
            if error.code is ErrorCode.POLICY_WEAKER:
                return self._ask_again(request, form, again, error.fields["weaker"])
            form.take(error)
            return self._page(request, form, choices, status=error.status)
        messages.success(request, f"The policy is changed: {version}.")
        return redirect(reverse("admin:policies_policyversion_changelist"))

    def _page(
        self,
        request: HttpRequest,
        form: PolicyForm,
        choices: tuple[operating_points.Choice, ...],
        *,
        readable: bool = True,
        status: int = 200,
    ) -> HttpResponse:
        context = self._context(request) | {"form": form, "choices": choices, "readable": readable}
        return render(request, "policies/change.html", context, status=status)

    def _ask_again(self, request: HttpRequest, form: PolicyForm, again: WeakenForm, weaker: list[str]) -> HttpResponse:
        context = self._context(request) | {"form": form, "again": again, "weaker": weaker, "asked_again": ASKED_AGAIN}
        return render(request, "policies/weaken.html", context)

    def _context(self, request: HttpRequest) -> dict[str, object]:
        return self.admin_site.each_context(request) | {"opts": self.opts, "title": "Change the policy"}
