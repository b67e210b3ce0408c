"""Attempts and decisions in the admin: what each stage saw and why, the pictures while they are kept, the label."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
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
from apps.identities.models import Person
from apps.identities.person_admin import PersonAdmin
from apps.identities.vault import Unsealable
from apps.list_filters import DaysFilter
from apps.paging import LongList
from apps.verification.admin_filters import ReasonFilter, ReviewFilter, attempts_found
from apps.verification.models import AttemptLabel, Capture, Decision, Outcome, StageRecord, VerdictReview
from apps.verification.selectors import sentence_told
from apps.verification.services.personal_data import captures_of
from apps.verification.services.review import review_verdict

PICTURES = "verification.view_capture_pictures"
REVIEW = "verification.add_verdictreview"
LABEL = "verification.add_attemptlabel"
LATEST = 8  # attempts on a person's page
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


class ReviewInline(StackedInline):
    """One permission, to add a review, is also that to think again: each word of it is an event."""

    model = VerdictReview
    fields = ("verdict", "note")
    verbose_name = "review"
    verbose_name_plural = "Was the decision right? (a note for the record: the decision itself does not change)"
    extra = 0
    max_num = 1
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Capture | None = None) -> bool:
        return request.user.has_perm(REVIEW) and (obj is None or hasattr(obj, "decision"))

    def has_change_permission(self, request: HttpRequest, obj: Capture | None = None) -> bool:
        return request.user.has_perm(REVIEW)

    def has_view_permission(self, request: HttpRequest, obj: Capture | None = None) -> bool:
        return request.user.has_perm(REVIEW) or request.user.has_perm("verification.view_capture")


@admin.register(Capture)
class CaptureAdmin(LongList, ModelAdmin):
    list_display = (
        *("public_id", "purpose", "claimed", "status", "outcome", "why", "review", "label", "address", "created_at"),
    )
    list_filter = (
        *("decision__outcome", ReasonFilter, ReviewFilter, ("created_at", DaysFilter), "purpose", "status"),
        *("label__truth", "label__instrument"),
    )
    list_filter_submit = True
    list_select_related = ("claimed__user", "decision", "label", "review")
    search_fields = ("public_id",)  # what is searched stands in get_search_results
    search_help_text = "A person's name or id, an attempt's id, or an address."
    fields = (
        *("public_id", "purpose", "policy", "claimed", "one_to_many", "status", "error_code", "attempts", "address"),
        *("created_at", "stages_seen", "pictures"),
    )
    readonly_fields = fields
    inlines = (DecisionInline, ReviewInline, LabelInline)

    @admin.display(ordering="decision__outcome")
    def outcome(self, capture: Capture) -> str:
        return capture.decision.outcome if hasattr(capture, "decision") else ""

    @admin.display(ordering="decision__reason")
    def why(self, capture: Capture) -> str:
        return capture.decision.reason if hasattr(capture, "decision") else ""

    @admin.display(ordering="label__truth")
    def label(self, capture: Capture) -> str:
        return str(capture.label) if hasattr(capture, "label") else ""

    @admin.display(ordering="review__verdict")
    def review(self, capture: Capture) -> str:
        return capture.review.verdict if hasattr(capture, "review") else ""

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str):
        term = search_term.strip()
        return (attempts_found(queryset, term) if term else queryset), False

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
        changed = formset.save(commit=False)
        for row in changed:
            if isinstance(row, VerdictReview):
                self._review(request, row)
            elif isinstance(row, AttemptLabel):
                row.labelled_by = request.user.get_username()
                row.save()
                self._record(request, row, row.truth)
        for label in formset.deleted_objects:
            label.delete()
            self._record(request, label, "label removed")

    def _review(self, request: HttpRequest, review: VerdictReview) -> None:
        review_verdict(
            capture=review.capture,
            verdict=review.verdict,
            note=review.note,
            actor_id=request.user.pk,
            address=client_address(request),
        )

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

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        """The attempt itself is never changed: whoever may review it or label it may send the page."""
        return any(request.user.has_perm(one) for one in (REVIEW, LABEL, "verification.change_capture"))

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


def latest_attempts(person: Person) -> str:
    """The newest decisions about a person, for their page."""
    about = Decision.objects.filter(Q(capture__claimed=person) | Q(person=person))
    context = {"person": person, "decisions": about.order_by("-pk")[:LATEST]}
    return render_to_string("admin/identities/attempts.html", context)


def kept_attempts(person: Person) -> tuple[str, int]:
    return "attempts whose pictures and sound are still kept", captures_of(person).exclude(blob="").count()


granted = Decision.objects.filter(person=OuterRef("pk"), outcome=Outcome.GRANTED).order_by("-pk")
PersonAdmin.columns["last_granted"] = Subquery(granted.values("at")[:1])
PersonAdmin.sections.append(("Latest attempts", latest_attempts))
PersonAdmin.goes.append(kept_attempts)
