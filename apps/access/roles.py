"""Which role holds which permissions: the one table. ``apply_roles`` makes the groups of it after every migration."""

from __future__ import annotations

import logging

from django.apps import apps as global_apps
from django.apps.registry import Apps
from django.db import models

log = logging.getLogger(__name__)


class Role(models.TextChoices):
    """An operator's role; the label is the name of its group."""

    VIEWER = "viewer", "Viewer"
    ENROLMENT_OFFICER = "enrolment_officer", "Enrolment officer"
    SECURITY_OFFICER = "security_officer", "Security officer"
    ADMINISTRATOR = "administrator", "Administrator"


SEES = frozenset(
    {
        "verification.view_capture",
        "verification.view_decision",
        "verification.view_stagerecord",
        "verification.view_attemptlabel",
        "verification.view_verdictreview",
        "identities.view_person",
        "identities.view_consent",
        "identities.view_modelversion",
        "identities.view_gallerybuild",
        "identities.view_gallerystate",
    }
)
ENROLS = frozenset(
    {
        "enrollment.view_enrolmentjob",
        "enrollment.add_enrolmentjob",
        "enrollment.view_invitation",
        "enrollment.add_invitation",
        "enrollment.view_duplicatecase",
        "enrollment.change_duplicatecase",
    }
)
GUARDS = frozenset(
    {
        "verification.view_capture_pictures",
        "verification.view_scanner_monitor",
        "verification.add_capture",  # identify: 1:N over the API
        "verification.change_capture",  # the page on which labels are set
        "verification.add_attemptlabel",
        "verification.change_attemptlabel",
        "verification.delete_attemptlabel",
        "verification.add_verdictreview",
        "identities.change_person",  # suspend, reinstate
        "policies.view_policyversion",
        "policies.add_policyversion",
        "audit.view_event",
        "audit.view_checkpoint",
        "audit.view_forwarding",
        "audit.view_deadletter",
    }
)
GOVERNS = frozenset(
    {
        "auth.view_user",
        "auth.add_user",
        "auth.change_user",
        "auth.view_group",
        "access.view_apitoken",
        "access.add_apitoken",
        "access.delete_apitoken",
        "identities.erase_person",
        "identities.add_gallerybuild",
    }
)
PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.VIEWER: SEES,
    Role.ENROLMENT_OFFICER: SEES | ENROLS,
    Role.SECURITY_OFFICER: SEES | GUARDS,
    Role.ADMINISTRATOR: SEES | ENROLS | GUARDS | GOVERNS,
}


def apply_roles(*, apps: Apps = global_apps, using: str = "default", **signal: object) -> None:
    """A receiver of ``post_migrate``: each role's group holds what the table says, no more and no less.

    A permission that does not exist is given to nobody: a migration may have been stopped halfway. That a whole
    database lacks none is for a test to say.
    """
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        return
    rows = permission_model.objects.using(using).values_list("pk", "content_type__app_label", "codename")
    known = {f"{label}.{codename}": pk for pk, label, codename in rows}
    for role, names in PERMISSIONS.items():
        missing = sorted(names - known.keys())
        if missing:
            log.debug("the role %s waits for %s", role.value, ", ".join(missing))
        group, _ = group_model.objects.using(using).get_or_create(name=role.label)
        group.permissions.set([known[name] for name in names & known.keys()])
