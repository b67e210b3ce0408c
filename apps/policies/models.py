"""The policy of this deployment as a row of versions: what an operator has set, when, and why.

A version is never changed and never removed. What it does not name is as the environment says.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

SHORTEST_REASON = 10


class PolicyVersion(models.Model):
    """One change. The one with the highest number holds."""

    number = models.PositiveIntegerField(unique=True, help_text="counts from 1; 0 is the environment alone")
    values = models.JSONField(default=dict, help_text="only what differs from the environment")
    changes = models.JSONField(default=dict, help_text="name: [before, after]")
    reason = models.TextField()
    changed_by = models.CharField(max_length=150)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-number",)
        verbose_name = "policy change"
        verbose_name_plural = "policy"

    def __str__(self) -> str:
        return f"change {self.number}"

    def save(self, *args, **kwargs) -> None:
        """Insert.

        Raises:
            TypeError: the version is stored already.
        """
        if not self._state.adding:
            raise TypeError("a policy version is not changed: make another one")
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs) -> tuple[int, dict[str, int]]:
        """Raises TypeError: the history stays."""
        raise TypeError("a policy version is not removed: make another one")
