"""Attempts and decisions in the admin: what each stage saw and why, the pictures while they are kept, the label."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import path
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin, StackedInline, TabularInline

from apps.audit.services.record import record_event
from apps.captures import bundle
from apps.captures.addresses import client_address
from apps.identities import blobs
from apps.identities.vault import Unsealable
from apps.verification.models import AttemptLabel, Capture, Decision, StageRecord
from apps.verification.selectors import sentence_told

PICTURES = "verification.view_capture_pictures"
SHOWN = 8  # pictures of one capture, spread over its time


class DecisionInline(TabularInline):
    model = Decision
    fields = ("outcome", "reason", "person", "posterior", "milliseconds")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


class LabelInline(StackedInline):
    model = AttemptLabel
    fields = ("truth", "instrument", "subject", "note")
    autocomplete_fields = ("subject",)
    verbose_name = "label"
    verbose_name_plural = "What this attempt really was (the next calibration learns from it)"
    extra = 0
    max_num = 1


@admin.register(Capture)
class CaptureAdmin(ModelAdmin):
    list_display = ("public_id", "purpose", "claimed", "status", "outcome", "why", "label", "address", "created_at")
    list_filter = ("purpose", "status", "decision__outcome", "decision__reason", "label__truth", "label__instrument")
    list_select_related = ("claimed__user", "decision", "label")
    fields = (
        *("public_id", "purpose", "policy", "claimed", "one_to_many", "status", "error_code", "attempts", "address"),
        *("stages_seen", "pictures"),
    )
    readonly_fields = fields
    inlines = (DecisionInline, LabelInline)

    @admin.display(ordering="decision__outcome")
    def outcome(self, capture: Capture) -> str:
        return capture.decision.outcome if hasattr(capture, "decision") else ""

    @admin.display(ordering="decision__reason")
    def why(self, capture: Capture) -> str:
        return capture.decision.reason if hasattr(capture, "decision") else ""

    @admin.display(ordering="label__truth")
    def label(self, capture: Capture) -> str:
        return str(capture.label) if hasattr(capture, "label") else ""

    @admin.display(description="stages")
    def stages_seen(self, capture: Capture) -> str:
        """Every stage with its gates, cue by cue, and the sentence that the person was told."""
        stages = [stage_values(record) for record in capture.stages.all()]
        return render_to_string("verification/stages.html", {"stages": stages})

    @admin.display(description="pictures")
    def pictures(self, capture: Capture) -> str:
        count = len(_frames(capture)) if capture.blob else 0
        shown = sorted({round(index * (count - 1) / max(1, SHOWN - 1)) for index in range(SHOWN)}) if count else []
        return render_to_string("verification/pictures.html", {"capture": capture, "shown": shown})

    def get_fields(self, request: HttpRequest, obj: Capture | None = None):
        fields = super().get_fields(request, obj)
        return fields if request.user.has_perm(PICTURES) else [name for name in fields if name != "pictures"]

    def get_urls(self):
        picture = path(
            "<int:pk>/pictures/<int:index>/",
            self.admin_site.admin_view(never_cache(self.picture)),
            name="verification_capture_picture",
        )
        return [picture, *super().get_urls()]

    def picture(self, request: HttpRequest, pk: int, index: int) -> HttpResponse:
        """One picture of a capture, opened for this answer alone; every look is an event."""
        if not request.user.has_perm(PICTURES) or not self.has_view_permission(request):
            raise PermissionDenied
        capture = get_object_or_404(Capture, pk=pk)
        frames = _frames(capture) if capture.blob else []
        if index >= len(frames):
            raise Http404
        record_event(
            action="capture.viewed",
            actor_id=request.user.pk,
            subject_id=capture.claimed.public_id if capture.claimed else "",
            address=client_address(request),
            reference=capture.public_id,
            details={"picture": index},
        )
        kind = {b"\x89P": "image/png", b"RI": "image/webp"}.get(frames[index][:2], "image/jpeg")
        return HttpResponse(frames[index], content_type=kind, headers={"X-Content-Type-Options": "nosniff"})

    def save_formset(self, request: HttpRequest, form, formset, change: bool) -> None:
        for label in formset.save(commit=False):
            label.labelled_by = request.user.get_username()
            label.save()
            self._record(request, label, label.truth)
        for label in formset.deleted_objects:
            label.delete()
            self._record(request, label, "label removed")

    def _record(self, request: HttpRequest, label: AttemptLabel, result: str) -> None:
        record_event(
            action="attempt.labelled",
            actor_id=request.user.pk,
            subject_id=label.subject.public_id if label.subject else "",
            result=result,
            address=client_address(request),
            reference=label.capture.public_id,
            details={"instrument": label.instrument},
        )

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


def stage_values(record: StageRecord) -> dict[str, object]:
    """A stage as the page shows it: gates apart from all other evidence."""
    evidence = dict(record.evidence)
    gates = evidence.pop("gates", {})
    return {
        "record": record,
        "sentence": sentence_told(record.reason) if record.outcome == "refused" else "",
        "gates": gates,
        "evidence": evidence,
    }


def _frames(capture: Capture) -> list[bytes]:
    try:
        return bundle.unpack(blobs.load(capture.blob)).frames
    except (FileNotFoundError, Unsealable):  # erased since the row was read, or changed on the disk
        return []
