"""People, consent, models and the gallery in the admin. Biometrics are never shown here; the sealed fields say nothing."""

from __future__ import annotations

from django.contrib import admin
from django.template.loader import render_to_string

from apps.identities.calibrations import calibration
from apps.identities.models import Consent, GalleryBuild, GalleryState, ModelVersion
from apps.identities.person_admin import PersonAdmin
from apps.paging import LongReadOnly
from apps.read_only import ReadOnly

__all__ = ["PersonAdmin"]  # registered by its import


@admin.register(Consent)
class ConsentAdmin(LongReadOnly):
    list_display = ("person", "version", "given_at", "withdrawn_at")
    search_fields = ("person__user__username",)
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
