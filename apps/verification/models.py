"""Captures on their way through the cascade, and what was decided about them."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models

from apps.captures.models import CaptureTicket, Purpose
from apps.identities.models import Person, SecurityQuestion


class Capture(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        AWAITING_ANSWER = "awaiting_answer"
        DONE = "done"
        FAILED = "failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ticket = models.OneToOneField(CaptureTicket, on_delete=models.PROTECT, related_name="capture", null=True)
    purpose = models.CharField(max_length=8, choices=Purpose)
    policy = models.CharField(max_length=32, default="login")
    # The person claimed; None for a name that nobody has, and where nobody was named (one_to_many).
    claimed = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    one_to_many = models.BooleanField(default=False)
    bound_to = models.CharField(max_length=64, db_index=True)
    account_key = models.CharField(max_length=64, blank=True, help_text="digest of the claimed name, for the limit")
    address = models.GenericIPAddressField(null=True, blank=True)
    blob = models.CharField(max_length=255, blank=True, help_text="sealed bundle; empty once erased")
    # Keyed digest of the pictures, so that the same ones are taken once, whatever nonce comes with them.
    fingerprint = models.CharField(max_length=64, unique=True, null=True, blank=True, editable=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED, db_index=True)
    error_code = models.CharField(max_length=48, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        permissions = [
            ("view_capture_pictures", "Can look at the pictures of a capture, while they are kept"),
            ("view_scanner_monitor", "Can watch captures as they run"),
        ]

    def __str__(self) -> str:
        return f"capture {self.public_id}"


STAGES = ("liveness", "deepfake", "embedding", "fusion", "confidence")  # in the order of the cascade


class StageRecord(models.Model):
    """The result of one stage of the cascade."""

    capture = models.ForeignKey(Capture, on_delete=models.CASCADE, related_name="stages")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=16)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=48, blank=True)
    llr = models.FloatField(null=True, blank=True)
    evidence = models.JSONField(default=dict)
    milliseconds = models.FloatField()

    class Meta:
        ordering = ("capture_id", "position")
        constraints = [models.UniqueConstraint(fields=["capture", "position"], name="one_record_per_stage")]
        # For the dashboard: which stage refused lately.
        indexes = [models.Index(fields=["outcome", "capture", "name"], name="stage_refusals")]

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"


class Outcome(models.TextChoices):
    GRANTED = "GRANTED"
    DENIED = "DENIED"
    REQUIRE_2FA = "REQUIRE_2FA"


class Decision(models.Model):
    """The one decision about a capture."""

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="decision")
    outcome = models.CharField(max_length=12, choices=Outcome, db_index=True)
    reason = models.CharField(max_length=48, blank=True)
    person = models.ForeignKey(Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="decisions")
    posterior = models.FloatField(null=True, blank=True)
    candidates = models.JSONField(default=list, help_text="1:N: public ids with posterior, best first")
    milliseconds = models.FloatField(default=0)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        # For the dashboard: outcomes and reasons by day, from the index alone.
        indexes = [
            models.Index(fields=["at", "outcome"], name="decision_by_time"),
            models.Index(fields=["outcome", "at", "reason"], name="decision_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.reason}"


class AttemptLabel(models.Model):
    """What an operator knows an attempt to have been. The next calibration of the gates learns from it."""

    class Truth(models.TextChoices):
        BONA_FIDE = "bona_fide", "bona fide"
        ATTACK = "attack", "attack"

    class Instrument(models.TextChoices):
        """Presentation attack instruments (ISO/IEC 30107-1)."""

        PRINT = "print", "printed photograph"
        SCREEN = "screen", "photograph on a screen"
        VIDEO = "video_replay", "video on a screen"
        MASK = "mask", "mask"
        INJECTED = "injected", "injected stream or virtual camera"
        SWAP = "swapped", "swapped or blended face"
        SYNTHETIC_FACE = "synthetic", "wholly synthetic face"
        SYNTHETIC_VOICE = "synthetic_voice", "synthetic or cloned voice"
        VOICE_REPLAY = "voice_replay", "voice from a loudspeaker"
        OTHER = "other", "something else"

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="label")
    truth = models.CharField(max_length=9, choices=Truth)
    instrument = models.CharField(max_length=16, choices=Instrument, blank=True, help_text="of an attack")
    subject = models.ForeignKey(
        Person,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="whose face or voice it shows",
    )
    note = models.CharField(max_length=500, blank=True)
    labelled_by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(truth="attack", instrument__gt="") | models.Q(truth="bona_fide", instrument=""),
                name="an_attack_has_an_instrument",
            )
        ]

    def __str__(self) -> str:
        return f"{self.truth} {self.instrument}".strip()

    def clean(self) -> None:
        if (self.truth == self.Truth.ATTACK) != bool(self.instrument):
            raise ValidationError({"instrument": "An attack needs its instrument; a bona fide attempt has none."})


class VerdictReview(models.Model):
    """What an operator thinks of a decision, afterwards. It changes no decision."""

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed", "confirmed: the decision was right"
        REJECTED = "rejected", "rejected: the decision was wrong"

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="review")
    verdict = models.CharField(max_length=9, choices=Verdict)
    note = models.CharField(max_length=500, blank=True, help_text="why; needed where the decision is rejected")
    reviewer = models.CharField(max_length=64, help_text="id of the account")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verdict="confirmed") | models.Q(verdict="rejected", note__gt=""),
                name="a_rejected_verdict_has_a_note",
            )
        ]

    def __str__(self) -> str:
        return self.verdict

    def clean(self) -> None:
        if self.verdict == self.Verdict.REJECTED and not self.note.strip():
            raise ValidationError({"note": "Say why the decision was wrong."})


class CognitiveChallenge(models.Model):
    """A question put to a person whose posterior fell into the borderline band."""

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="challenge")
    question = models.ForeignKey(SecurityQuestion, on_delete=models.CASCADE, related_name="+")
    posterior = models.FloatField()
    sealed_answer = models.BinaryField(null=True, blank=True, help_text="what was answered, until it is judged")
    answered_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    judged_by = models.CharField(max_length=16, blank=True)
    correct = models.BooleanField(null=True)

    def __str__(self) -> str:
        return f"challenge of {self.capture_id}"


class Grant(models.Model):
    """What a GRANTED or REQUIRE_2FA decision allows, once and shortly, to the session that made the capture."""

    capture = models.OneToOneField(Capture, on_delete=models.CASCADE, related_name="grant")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="grants")
    bound_to = models.CharField(max_length=64)
    needs_second_factor = models.BooleanField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"grant of {self.capture_id}"
