"""People, consent, models and the gallery in the admin. Biometrics are never shown here; the sealed fields say nothing."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest
from django.template.loader import render_to_string

from apps.identities.calibrations import calibration
from apps.identities.models import Consent, GalleryBuild, GalleryState, ModelVersion, Person
from apps.identities.services.people import erase_person, set_status
from apps.read_only import ReadOnly


@admin.register(Person)
class PersonAdmin(ReadOnly):
    list_display = ("user", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("user__username",)
    actions = ("suspend", "reinstate", "erase")

    @admin.action(description="Suspend: may not log in", permissions=["status"])
    def suspend(self, request: HttpRequest, queryset) -> None:
        for person in queryset:
            set_status(person=person, status=Person.Status.SUSPENDED, actor_id=request.user.pk)

    @admin.action(description="Reinstate people who have templates", permissions=["status"])
    def reinstate(self, request: HttpRequest, queryset) -> None:
        for person in queryset.filter(status=Person.Status.SUSPENDED, templates__isnull=False).distinct():
            set_status(person=person, status=Person.Status.ACTIVE, actor_id=request.user.pk)

    @admin.action(description="Erase with everything biometric (cannot be undone)", permissions=["erase"])
    def erase(self, request: HttpRequest, queryset) -> None:
        for person in queryset:
            erase_person(person=person, actor_id=request.user.pk)
        messages.success(request, "Erased.")

    def has_status_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("identities.change_person")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser


@admin.register(Consent)
class ConsentAdmin(ReadOnly):
    list_display = ("person", "version", "given_at", "withdrawn_at")
    list_select_related = ("person__user",)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    """Each model with what its calibration rests on, as the worker has synced it."""

    list_display = ("name", "modality", "pack", "calibrated_by", "method", "made_at", "data", "trials", "eer", "points")
    fields = ("name", "modality", "pack", "width", "licence", "sha256", "first_seen_at", "figures")
    readonly_fields = ("figures",)

    @admin.display(description="calibration")
    def calibrated_by(self, version: ModelVersion) -> str:
        return calibration(version.calibration).name

    @admin.display
    def method(self, version: ModelVersion) -> str:
        return calibration(version.calibration).method

    @admin.display(description="made")
    def made_at(self, version: ModelVersion) -> str:
        return calibration(version.calibration).made_at

    @admin.display
    def data(self, version: ModelVersion) -> str:
        return calibration(version.calibration).data

    @admin.display(description="fitted on")
    def trials(self, version: ModelVersion) -> str:
        return calibration(version.calibration).fitted_on

    @admin.display(description="EER")
    def eer(self, version: ModelVersion) -> str:
        return calibration(version.calibration).eer

    @admin.display(description="FNMR by FMR")
    def points(self, version: ModelVersion) -> str:
        return calibration(version.calibration).operating_points

    @admin.display(description="calibration")
    def figures(self, version: ModelVersion) -> str:
        return render_to_string("identities/calibration.html", {"calibration": calibration(version.calibration)})


@admin.register(GalleryBuild)
class GalleryBuildAdmin(ReadOnly):
    list_display = ("pack", "status", "done", "total", "created_at", "finished_at")


@admin.register(GalleryState)
class GalleryStateAdmin(ReadOnly):
    list_display = ("pack", "version")
