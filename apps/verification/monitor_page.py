"""The page of the live monitor. It holds nothing of any capture itself: those come over the websocket, which asks again
who may watch."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.verification.models import STAGES
from apps.verification.monitor import NEWEST, PERMISSION


@require_safe
def monitor_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    may_open = request.user.has_perm("verification.view_capture")
    context = {
        **admin.site.each_context(request),
        "title": "Live monitor",
        "stages": STAGES,
        "newest": NEWEST,
        "attempts": reverse("admin:verification_capture_changelist") if may_open else "",
    }
    return TemplateResponse(request, "verification/monitor.html", context)
