"""People in the admin: what is known of each, and what an operator may do about it. Nothing biometric is shown.

Apps above add to it what this one may not know (``columns``, ``sections``, ``goes``, ``actions``, ``list_before_template``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import Avg, Count, F, FloatField, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse

from apps.access.selectors import may_manage
from apps.identities.models import Consent, Modality, Person, Sample, Template
from apps.identities.services.people import erase_person, set_status
from apps.identities.what_hangs_on import what_hangs_on
from apps.paging import LongReadOnly

ABOVE = "{} is an operator who may do more than you."
OWN = "Not for yourself: another operator suspends or erases you, and you enrol without a link."


def counted(rows: QuerySet) -> Coalesce:
    """How many of ``rows`` belong to each person of the outer query, by index."""
    groups = rows.filter(person=OuterRef("pk")).order_by().values("person")
    return Coalesce(Subquery(groups.annotate(count=Count("pk")).values("count")), 0)


def measured(modality: Modality, name: str) -> Subquery:
    """The mean of one measure of quality over a person's samples."""
    samples = Sample.objects.filter(person=OuterRef("pk"), modality=modality).order_by().values("person")
    value = Cast(KeyTextTransform(name, "quality"), FloatField())
    return Subquery(samples.annotate(mean=Avg(value)).values("mean"))


class ConsentFilter(admin.SimpleListFilter):
    title = "consent"
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin):
        return [("given", "given"), ("none", "none, or withdrawn")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Person]) -> QuerySet[Person]:
        standing = Consent.objects.filter(withdrawn_at=None).values("person")
        if self.value() == "given":
            return queryset.filter(pk__in=standing)
        return queryset.exclude(pk__in=standing) if self.value() == "none" else queryset


@admin.register(Person)
class PersonAdmin(LongReadOnly):
    columns: dict[str, Any] = {
        "faces": counted(Template.objects.filter(model_version__modality=Modality.FACE)),
        "voices": counted(Template.objects.filter(model_version__modality=Modality.VOICE)),
        "samples_kept": counted(Sample.objects.all()),
        "sharpness": measured(Modality.FACE, "sharpness"),
        "snr": measured(Modality.VOICE, "snr_db"),
        "consented": Subquery(
            Consent.objects.filter(person=OuterRef("pk"), withdrawn_at=None).order_by("-pk").values("version")[:1]
        ),
    }
    # Each a title and what makes its HTML for one person; each what goes with a person beyond what hangs on the row.
    sections: list[tuple[str, Callable[[Person], str]]] = []
    goes: list[Callable[[Person], tuple[str, int]]] = []

    list_display = ("user", "status", "face", "voice", "samples", "quality", "granted", "consent", "created_at")
    list_filter = ("status", ConsentFilter)
    list_select_related = ("user",)
    search_fields = ("user__username", "public_id")
    search_help_text = "A name, or a person's id."
    fields = ("user", "public_id", "status", "created_at", "held")
    readonly_fields = ("held",)
    change_form_outer_after_template = "admin/identities/erase_link.html"
    actions: tuple[Any, ...] = ("suspend", "reinstate", "erase")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Person]:
        return super().get_queryset(request).select_related("user").annotate(**self.columns)

    @admin.display(description="face templates", ordering="faces")
    def face(self, person: Person) -> int:
        return person.faces  # type: ignore[attr-defined]

    @admin.display(description="voice templates", ordering="voices")
    def voice(self, person: Person) -> int:
        return person.voices  # type: ignore[attr-defined]

    @admin.display(ordering="samples_kept")
    def samples(self, person: Person) -> int:
        return person.samples_kept  # type: ignore[attr-defined]

    @admin.display(description="mean quality")
    def quality(self, person: Person) -> str:
        """Sharpness is the variance of the Laplacian over the face; noise the ratio of speech to it."""
        said = []
        if person.sharpness is not None:  # type: ignore[attr-defined]
            said.append(f"sharpness {person.sharpness:.0f}")  # type: ignore[attr-defined]
        if person.snr is not None:  # type: ignore[attr-defined]
            said.append(f"{person.snr:.0f} dB over noise")  # type: ignore[attr-defined]
        return ", ".join(said)

    @admin.display(description="last granted", ordering=F("last_granted").desc(nulls_last=True))
    def granted(self, person: Person):
        return person.last_granted  # type: ignore[attr-defined]  # a column of the app above

    @admin.display
    def consent(self, person: Person) -> str:
        return person.consented or "none"  # type: ignore[attr-defined]

    @admin.display(description="what is kept")
    def held(self, person: Person) -> str:
        context = {
            "person": person,
            "samples": person.samples.order_by("modality", "pk"),
            "templates": person.templates.order_by()
            .values("model_version__pack", "model_version__name", "model_version__modality")
            .annotate(count=Count("pk"))
            .order_by("model_version__pack", "model_version__modality"),
            "consents": person.consents.order_by("-pk"),
            "sections": [(title, make(person)) for title, make in self.sections],
        }
        return render_to_string("admin/identities/held.html", context)

    @admin.action(description="Suspend: may not log in", permissions=["status"])
    def suspend(self, request: HttpRequest, queryset) -> None:
        for person in self.manageable(request, queryset):
            set_status(person=person, status=Person.Status.SUSPENDED, actor_id=request.user.pk)

    @admin.action(description="Reinstate people who have templates", permissions=["status"])
    def reinstate(self, request: HttpRequest, queryset) -> None:
        enrolled = Template.objects.values("person")
        for person in self.manageable(request, queryset.filter(status=Person.Status.SUSPENDED, pk__in=enrolled)):
            set_status(person=person, status=Person.Status.ACTIVE, actor_id=request.user.pk)

    @admin.action(description="Erase one person with everything biometric …", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset) -> HttpResponse | None:
        chosen = list(queryset[:2])
        if len(chosen) == 1:
            return HttpResponseRedirect(reverse("admin:identities_person_erase", args=[chosen[0].pk]))
        self.message_user(request, "People are erased one by one, each by name.", messages.ERROR)
        return None

    def get_urls(self):
        erasing = self.admin_site.admin_view(self.erase_one)
        return [path("<int:pk>/erase/", erasing, name="identities_person_erase"), *super().get_urls()]

    def erase_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Says what will be gone, and does it once the person's name was typed."""
        person = get_object_or_404(Person.objects.select_related("user"), pk=pk)
        if not self.has_erase_permission(request):
            return self._refused(request, "You may not erase people.")
        if person.user_id == request.user.pk:
            return self._refused(request, OWN)
        if not may_manage(request.user, person.user):
            return self._refused(request, ABOVE.format(person))
        name, typed = person.user.get_username(), request.POST.get("name", "")
        if request.method == "POST" and typed == name:
            erase_person(person=person, actor_id=request.user.pk)
            self.message_user(request, "Erased.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:identities_person_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Erase {name}?",
            "person": person,
            "goes": [*what_hangs_on(person), *(count(person) for count in self.goes)],
            "wrong": request.method == "POST",
        }
        return TemplateResponse(request, "admin/identities/erase.html", context)

    def manageable(self, request: HttpRequest, people) -> Iterator[Person]:
        """Those whose account the operator may act upon; the page says whom it leaves as they are."""
        for person in people.select_related("user"):
            if person.user_id == request.user.pk:
                messages.error(request, OWN)
            elif may_manage(request.user, person.user):
                yield person
            else:
                messages.error(request, ABOVE.format(person))

    def has_status_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.change_person")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.erase_person")

    def has_invite_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("enrollment.add_invitation")

    def _refused(self, request: HttpRequest, why: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Not allowed", "why": why}
        return TemplateResponse(request, "admin/identities/refused.html", context, status=403)
