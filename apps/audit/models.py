"""The audit trail: who did what to whom, from where, when, and how it ended. Ids only, never biometrics or names.

The actor is a plain id, so that deleting a person takes no event along. The database itself refuses to change or to
delete an event (``apps.audit.triggers``).
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.audit.chain import GENESIS


class Event(models.Model):
    """One event, held by its hash to the one before."""

    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=64, db_index=True)
    actor_id = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=64, blank=True, db_index=True)
    result = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    reference = models.CharField(max_length=64, blank=True)
    details = models.JSONField(default=dict, blank=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("-sequence",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.result}"


class ChainHead(models.Model):
    """One row: where the chain ends. Whoever appends holds it locked until their transaction ends."""

    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default=GENESIS)

    def __str__(self) -> str:
        return f"event {self.sequence}"


class Checkpoint(models.Model):
    """A signed statement that the chain had this hash at this event (Ed25519). Worth most when kept elsewhere."""

    sequence = models.PositiveBigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)
    key = models.CharField(max_length=64, help_text="public key, hexadecimal")
    signature = models.CharField(max_length=128, help_text="hexadecimal")

    class Meta:
        ordering = ("-sequence",)

    def __str__(self) -> str:
        return f"checkpoint at event {self.sequence}"


class Forwarding(models.Model):
    """One row: how far the trail was sent to the webhook. ``next_try_at`` is a pause, or another worker's lease."""

    sent_to = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=64, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "forwarding"

    def __str__(self) -> str:
        return f"sent up to event {self.sent_to}"


class DeadLetter(models.Model):
    """Events that the webhook did not take, however often they were sent."""

    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    error = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when they were taken after all")

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"events {self.first} to {self.last}"
