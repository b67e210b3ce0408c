"""How people come in: invitations, enrolment jobs, and duplicates that an operator has to decide."""

from __future__ import annotations

import uuid

from django.db import models

from apps.identities.models import Person


class Invitation(models.Model):
    """A one-time link that lets one named person enrol. Only the digest of its token is stored."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="invitations")
    token_digest = models.CharField(max_length=64, unique=True)
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, help_text="an enrolment by it came to its end")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="a newer link, or a role, took its place")

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class EnrolmentJob(models.Model):
    """Samples on their way to becoming templates; run by the worker."""

    class Status(models.TextChoices):
        QUEUED = "queued", "waiting"
        RUNNING = "running", "running"
        IN_REVIEW = "in_review", "waiting for an operator"
        DONE = "done", "enrolled"
        REFUSED = "refused", "refused"
        FAILED = "failed", "failed"

    class Source(models.TextChoices):
        PAGE = "page"
        REST = "rest"
        FOLDER = "folder"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="enrolments")
    invitation = models.ForeignKey(Invitation, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs")
    source = models.CharField(max_length=8, choices=Source)
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED, db_index=True)
    blob = models.CharField(max_length=255, blank=True, help_text="sealed bundle; empty once it has been worked off")
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list, help_text='[{"file": name, "code": code}]')
    error_code = models.CharField(max_length=48, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"enrolment {self.public_id}"


class DuplicateCase(models.Model):
    """Someone who looks or sounds like a person already enrolled under another name."""

    class Status(models.TextChoices):
        OPEN = "open", "to decide"
        SAME = "same", "the same person"
        DISTINCT = "distinct", "different people"

    job = models.ForeignKey(EnrolmentJob, on_delete=models.CASCADE, related_name="duplicates")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="duplicate_cases")
    resembles = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    modality = models.CharField(max_length=8)
    llr = models.FloatField(help_text="log-likelihood ratio (natural log) of same person against different people")
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN, db_index=True)
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.person} resembles {self.resembles}"
