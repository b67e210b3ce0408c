"""Enrolment in the admin: jobs, invitations, and duplicates that wait for an operator's word."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from apps.access.selectors import may_manage
from apps.enrollment.forms import InvitationForm
from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.enrollment.selectors import job_values
from apps.enrollment.services.duplicates import decide_duplicate
from apps.enrollment.services.invitations import invite, invite_by_name
from apps.errors import CosmicError
from apps.identities.models import Person
from apps.identities.person_admin import PersonAdmin
from apps.identities.selectors import sample_counts
from apps.list_filters import DaysFilter
from apps.paging import LongReadOnly
from apps.permissions import actor_of

OPEN_JOBS = (EnrolmentJob.Status.QUEUED, EnrolmentJob.Status.RUNNING, EnrolmentJob.Status.IN_REVIEW)
LONGEST_NOTE = 500


@admin.register(EnrolmentJob)
class EnrolmentJobAdmin(LongReadOnly):
    list_display = ("public_id", "person", "source", "status", "accepted", "done", "total", "created_at")
    list_filter = ("status", "source", ("created_at", DaysFilter))
    list_filter_submit = True
    list_select_related = ("person__user",)
    search_fields = ("person__user__username",)
    fields = (
        *("public_id", "person", "source", "status", "error_code", "total", "done", "accepted", "refused"),
        *("duplicates", "requested_by", "attempts", "created_at", "finished_at"),
    )
    readonly_fields = ("refused", "duplicates")

    @admin.display(description="not usable")
    def refused(self, job: EnrolmentJob) -> str:
        context = {"refusals": job_values(job)["refusals"]}
        return render_to_string("admin/enrollment/refusals.html", context)

    @admin.display(description="may be enrolled already")
    def duplicates(self, job: EnrolmentJob) -> str:
        cases = job.duplicates.select_related("resembles__user").order_by("-llr")
        return render_to_string("admin/enrollment/cases.html", {"cases": cases})


@admin.register(Invitation)
class InvitationAdmin(LongReadOnly):
    """Invitations are made, here by a name, and never changed."""

    list_display = ("person", "state", "created_at", "expires_at", "used_at")
    list_select_related = ("person__user",)
    search_fields = ("person__user__username",)
    exclude = ("token_digest",)

    @admin.display
    def state(self, invitation: Invitation) -> str:
        if invitation.used_at or invitation.ended_at:
            return "used" if invitation.used_at else "replaced"
        return "open" if invitation.expires_at > timezone.now() else "run out"

    def has_add_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.has_perm("enrollment.add_invitation")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context=None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = InvitationForm(request.POST or None)
        status = 200
        if form.is_valid():
            try:
                made = invite_by_name(username=form.cleaned_data["username"], actor=actor_of(request))
            except CosmicError as error:
                form.take(error)
                status = error.status
            else:
                return links_page(self, request, "The invitation", [made])
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Invite somebody", "form": form}
        return TemplateResponse(request, "admin/enrollment/invite.html", context, status=status)


@admin.register(DuplicateCase)
class DuplicateCaseAdmin(LongReadOnly):
    """A case is decided on its page, with a note; several at once in the list, without one."""

    list_display = ("person", "resembles", "modality", "ratio", "status", "decided_at")
    list_filter = ("status", "modality")
    list_select_related = ("person__user", "resembles__user")
    search_fields = ("person__user__username", "resembles__user__username")
    ordering = ("-pk",)
    fields = ("compared", "job", "status", "decided_by", "decided_at", "note")
    readonly_fields = ("compared",)
    change_form_outer_after_template = "admin/enrollment/decide.html"
    actions = ("same_person", "different_people")

    @admin.display(description="log-likelihood ratio", ordering="llr")
    def ratio(self, case: DuplicateCase) -> str:
        return f"{case.llr:.1f}"

    @admin.display(description="the two")
    def compared(self, case: DuplicateCase) -> str:
        people = [(one, sample_counts(one)) for one in (case.person, case.resembles)]
        return render_to_string("admin/enrollment/compared.html", {"case": case, "people": people})

    def get_queryset(self, request: HttpRequest) -> QuerySet[DuplicateCase]:
        return super().get_queryset(request).select_related("person__user", "resembles__user")

    def render_change_form(self, request: HttpRequest, context, *args, **kwargs):
        case = kwargs.get("obj")
        context["may_decide"] = (
            case is not None and case.status == DuplicateCase.Status.OPEN and self.has_decide_permission(request)
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self):
        decide = self.admin_site.admin_view(require_POST(self.decide))
        return [path("<int:pk>/decide/", decide, name="enrollment_duplicatecase_decide"), *super().get_urls()]

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        case = get_object_or_404(DuplicateCase.objects.select_related("person__user"), pk=pk)
        word, note = request.POST.get("decision"), request.POST.get("note", "").strip()
        back = HttpResponseRedirect(reverse("admin:enrollment_duplicatecase_change", args=[pk]))
        if not self.has_decide_permission(request):
            messages.error(request, "You may not decide this.")
        elif word not in ("same", "different") or len(note) > LONGEST_NOTE:
            messages.error(request, f"Choose one of the two; a note has at most {LONGEST_NOTE} characters.")
        else:
            self._decide(request, [case], same=word == "same", note=note)
        return back

    @admin.action(description="The same person: turn the newcomer away", permissions=["decide"])
    def same_person(self, request: HttpRequest, queryset) -> None:
        self._decide(request, queryset, same=True)

    @admin.action(description="Different people: let the newcomer in", permissions=["decide"])
    def different_people(self, request: HttpRequest, queryset) -> None:
        self._decide(request, queryset, same=False)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("enrollment.change_duplicatecase")

    def _decide(self, request: HttpRequest, cases, *, same: bool, note: str = "") -> None:
        for case in cases:
            if not may_manage(request.user, case.person.user):
                messages.error(request, f"{case.person} is an operator who may do more than you.")
                continue
            try:
                decide_duplicate(case=case, same=same, note=note, actor_id=request.user.pk)
            except CosmicError as error:
                messages.warning(request, f"{case}: {error.sentence}")
            else:
                messages.success(request, f"{case}: {'the same person' if same else 'different people'}.")


@admin.action(description="Re-enrol: make a link for new samples", permissions=["invite"])
def re_enrol(page: PersonAdmin, request: HttpRequest, people: QuerySet[Person]) -> HttpResponse | None:
    """Deletes nothing: old samples stay beside the new ones. The links are on this answer alone, and nowhere."""
    made = []
    for person in page.manageable(request, people):
        try:
            made.append(invite(person=person, actor_id=request.user.pk))
        except CosmicError as error:
            messages.error(request, f"{person}: {error.fields['username'][0]}")
    return links_page(page, request, "Links for new samples", made) if made else None


def links_page(page: ModelAdmin, request: HttpRequest, title: str, made: list[tuple[Invitation, str]]) -> HttpResponse:
    """The one answer that holds the links. Not a redirect: a message would lay them down in a cookie or a session."""
    context = {**page.admin_site.each_context(request), "opts": page.opts, "title": title, "made": made}
    return TemplateResponse(request, "admin/enrollment/links.html", context, headers={"Cache-Control": "no-store"})


def open_enrolments(person: Person) -> str:
    jobs = person.enrolments.filter(status__in=OPEN_JOBS)
    cases = person.duplicate_cases.filter(status=DuplicateCase.Status.OPEN).select_related("resembles__user")
    return render_to_string("admin/enrollment/open.html", {"jobs": jobs, "cases": cases})


PersonAdmin.actions = (*PersonAdmin.actions, re_enrol)
PersonAdmin.list_before_template = "admin/enrollment/invite_link.html"
PersonAdmin.sections.append(("Enrolments under way", open_enrolments))
