"""Messages as the database sees them: sealed bytes, sizes and times.

Nobody is named here. A ``Copy`` lies in a mailbox, which is a keyed digest of a person and a folder
(``apps.messaging.mailboxes``); without the master key the rows do not say whose they are.
"""

from __future__ import annotations

import uuid

from django.db import models


class Message(models.Model):
    """The text, sealed under the message's own data key. That key is in the copies."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    sealed_text = models.BinaryField()
    view_once = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="empty while it is a draft")
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"message {self.pk}"


class Copy(models.Model):
    """What one person has of a message: its header, and the wrapped data key as long as they may open it."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="copies")
    mailbox = models.CharField(max_length=64, help_text="keyed digest of person and folder")
    sealed_header = models.BinaryField()
    wrapped_key = models.BinaryField(help_text="empty once viewed (view once) or revoked")
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)  # the order in which they came into their mailboxes
        constraints = [models.UniqueConstraint(fields=["message", "mailbox"], name="one_copy_per_mailbox")]
        indexes = [models.Index(fields=["mailbox", "-id"], name="copies_of_mailbox")]
        verbose_name_plural = "copies"

    def __str__(self) -> str:
        return f"copy {self.pk}"


class Attachment(models.Model):
    """A file of a message, sealed under its data key; name and kind are sealed too."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    blob = models.CharField(max_length=255, unique=True, help_text="name in the sealed storage")
    sealed_about = models.BinaryField()
    size = models.PositiveBigIntegerField(help_text="bytes of the plain file")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"attachment {self.pk}"
