"""What is known of an API token beside its digest, which django-rest-knox keeps."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """Label and scopes of one knox token. A knox token without such a row opens nothing."""

    token = models.OneToOneField("knox.AuthToken", on_delete=models.CASCADE, related_name="api", editable=False)
    label = models.CharField(max_length=64, help_text="what it is for, or who has it")
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty for the command line",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="to the minute")

    class Meta:
        ordering = ("-pk",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.label
