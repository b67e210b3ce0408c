"""People, what they agreed to, their samples and their templates.

Samples and templates are sealed (``apps.identities.vault``). A template belongs to one ``ModelVersion``;
templates of different model versions are never compared.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from pgvector.django import HalfVectorField


class Modality(models.TextChoices):
    FACE = "face", "face"
    VOICE = "voice", "voice"


FUSION = "fusion"  # a ModelVersion that compares what face and voice models made; it has no templates


class Person(models.Model):
    class Status(models.TextChoices):
        INVITED = "invited", "not enrolled yet"
        ACTIVE = "active", "active"
        IN_REVIEW = "in_review", "waiting for an operator"
        SUSPENDED = "suspended", "suspended"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person")
    status = models.CharField(max_length=16, choices=Status, default=Status.INVITED)
    # Whether it was the suspension that closed the account: only then does the end of the suspension open it.
    suspension_closed = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("user__username",)
        verbose_name_plural = "people"
        permissions = [("erase_person", "Can erase a person with everything biometric")]

    def __str__(self) -> str:
        return self.user.get_username()


class Consent(models.Model):
    """That a person agreed to the storing of biometrics: which wording, when, until when."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="consents")
    version = models.CharField(max_length=32)
    given_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.CharField(max_length=64, help_text="id of the account that recorded it")

    def __str__(self) -> str:
        return f"{self.version} given {self.given_at:%Y-%m-%d}"


class SecurityQuestion(models.Model):
    """A question of the cognitive challenge with its answer, both sealed."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="questions")
    question = models.BinaryField()
    answer = models.BinaryField()

    def __str__(self) -> str:
        return f"question {self.pk}"


class ModelVersion(models.Model):
    """One recognition model or fusion of one pack with its calibration, as the worker has synced it from the registry.

    The pack is part of its identity: it brings detector and alignment, without which an embedding is another one.
    """

    modality = models.CharField(max_length=8, choices=[*Modality.choices, (FUSION, FUSION)])
    name = models.CharField(max_length=64)
    pack = models.CharField(max_length=32)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    calibration = models.JSONField(default=dict)
    licence = models.CharField(max_length=128, blank=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pack", "modality", "name", "sha256"], name="one_row_per_weights")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.modality}, {self.width}-D)" if self.width else f"{self.name} ({self.modality})"


class GalleryState(models.Model):
    """One row: which pack the gallery answers with, and a counter that rises with every change of a template.

    Workers keep templates in memory and refresh them when ``version`` has moved.
    """

    pack = models.CharField(max_length=32, blank=True)
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "gallery state"

    def __str__(self) -> str:
        return f"pack {self.pack or '(none)'}, version {self.version}"


class Sample(models.Model):
    """One usable face picture or recording, sealed in the ``sealed`` storage, kept to re-embed with another model."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="samples")
    modality = models.CharField(max_length=8, choices=Modality)
    blob = models.CharField(max_length=255, help_text="name in the sealed storage")
    fingerprint = models.CharField(
        max_length=64, help_text="keyed digest of the content: the same file is enrolled once"
    )
    quality = models.JSONField(default=dict)
    source = models.CharField(max_length=16, default="page")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "modality", "fingerprint"], name="one_sample_per_content")
        ]

    def __str__(self) -> str:
        return f"{self.modality} sample {self.pk}"


class Template(models.Model):
    """An embedding of a sample by one model version: sealed float32, unit norm."""

    sample = models.ForeignKey(Sample, on_delete=models.CASCADE, related_name="templates")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="templates")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="templates")
    sealed_vector = models.BinaryField()
    # PostgreSQL only: the vector turned by a secret rotation, which keeps cosines, so that the database can search.
    search_vector = HalfVectorField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sample", "model_version"], name="one_template_per_model")]
        indexes = [models.Index(fields=["model_version", "person"], name="template_model_person")]

    def __str__(self) -> str:
        return f"template {self.pk}"


class CaptureTrace(models.Model):
    """What is kept of an earlier capture of a person to know it again when somebody replays it, sealed as a whole."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="traces")
    sealed = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"trace {self.pk}"


class RootSecret(models.Model):
    """One row: what keyed digests and derived seeds hang on, sealed (``apps.identities.root_secret``)."""

    sealed = models.BinaryField()
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"made {self.made_at:%Y-%m-%d}"


class GalleryBuild(models.Model):
    """A re-embedding of stored samples with another pack. The old gallery answers until this one is whole."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    pack = models.CharField(max_length=32)
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    not_carried = models.JSONField(default=list, help_text="people whose samples the new model could not use, and why")
    error_code = models.CharField(max_length=48, blank=True)
    requested_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"rebuild for {self.pack}: {self.done} of {self.total}"
