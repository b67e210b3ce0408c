"""The admin's sidebar: what operators do, what is kept on record, how it is set up. Each sees what their role opens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

# Section: (title, icon, view, permission).
SECTIONS: dict[str, list[tuple[str, str, str, str]]] = {
    "Work": [
        ("Dashboard", "dashboard", "admin:index", ""),
        ("Live monitor", "monitoring", "scanner_monitor", "verification.view_scanner_monitor"),
        ("Attempts", "fact_check", "admin:verification_capture_changelist", "verification.view_capture"),
        ("People", "group", "admin:identities_person_changelist", "identities.view_person"),
        ("Enrolments", "person_add", "admin:enrollment_enrolmentjob_changelist", "enrollment.view_enrolmentjob"),
        ("Possible duplicates", "compare", "admin:enrollment_duplicatecase_changelist", "enrollment.view_duplicatecase"),
        ("Invitations", "mail", "admin:enrollment_invitation_changelist", "enrollment.view_invitation"),
    ],
    "Trail": [
        ("Audit trail", "history", "admin:audit_event_changelist", "audit.view_event"),
        ("Checkpoints", "verified", "admin:audit_checkpoint_changelist", "audit.view_checkpoint"),
        ("Forwarding", "outbound", "admin:audit_forwarding_changelist", "audit.view_forwarding"),
        ("Dead letters", "unsubscribe", "admin:audit_deadletter_changelist", "audit.view_deadletter"),
        ("Consent", "handshake", "admin:identities_consent_changelist", "identities.view_consent"),
    ],
    "Setup": [
        ("Policy", "policy", "admin:policies_policyversion_changelist", "policies.view_policyversion"),
        ("Models and calibrations", "model_training", "admin:identities_modelversion_changelist", "identities.view_modelversion"),
        ("Gallery", "photo_library", "admin:identities_gallerystate_changelist", "identities.view_gallerystate"),
        ("Gallery rebuilds", "build", "admin:identities_gallerybuild_changelist", "identities.view_gallerybuild"),
        ("Accounts", "manage_accounts", "admin:auth_user_changelist", "auth.view_user"),
        ("Roles", "badge", "admin:auth_group_changelist", "auth.view_group"),
        ("API tokens", "key", "admin:access_apitoken_changelist", "access.view_apitoken"),
    ],
}  # fmt: skip


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's callback: sections with what this operator may open; a section with nothing is left out."""
    sections = [
        {
            "title": title,
            "separator": True,
            "items": [
                {"title": name, "icon": icon, "link": reverse(view)}
                for name, icon, view, permission in entries
                if not permission or request.user.has_perm(permission)
            ],
        }
        for title, entries in SECTIONS.items()
    ]
    return [section for section in sections if section["items"]]
