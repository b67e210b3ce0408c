"""The one-time nonce that every capture carries, whatever it is for."""

from __future__ import annotations

from django.db import models


class Purpose(models.TextChoices):
    LOGIN = "login"
    VERIFY = "verify"
    IDENTIFY = "identify"
    ENROL = "enrol"
    UNLOCK = "unlock"


class CaptureTicket(models.Model):
    """The one-time nonce of a capture. Only its digest is stored; it is bound to who asked for it."""

    nonce_digest = models.CharField(max_length=64, unique=True)
    purpose = models.CharField(max_length=8, choices=Purpose)
    bound_to = models.CharField(max_length=64, help_text="digest of the browser session or the API account")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True, blank=True)
    # What the person is asked to do while the camera runs (apps.captures.challenges); empty for a passive capture.
    challenge = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"ticket {self.pk} ({self.purpose})"
