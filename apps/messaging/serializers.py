"""What goes in and out of the messages' API, for checking and for the OpenAPI schema."""

from __future__ import annotations

from rest_framework import serializers

from apps.identities.serializers import Flag, Text
from apps.messaging import unlocks
from apps.messaging.mailboxes import Folder
from apps.messaging.selectors import Listed
from apps.messaging.services.compose import LONGEST_TITLE, MOST_RECIPIENTS, Written
from apps.messaging.services.unlock import Content
from apps.verification.serializers import CaptureRequest, WhatIsPossible

__all__ = ["CaptureRequest", "WhatIsPossible"]


class WrittenRequest(serializers.Serializer):
    title = Text(max_length=LONGEST_TITLE, help_text="seen in lists without the face")
    text = Text(allow_blank=True, trim_whitespace=False, default="")
    recipients = serializers.ListField(
        child=Text(max_length=150), default=list, max_length=MOST_RECIPIENTS, help_text="user names"
    )
    expires_at = serializers.DateTimeField(allow_null=True, default=None, help_text="deleted for everybody then")
    view_once = Flag(default=False, help_text="each recipient may open it once; the sender keeps no text")
    reply_to = serializers.UUIDField(allow_null=True, default=None)

    def written(self) -> Written:
        values = self.validated_data
        return Written(
            title=values["title"],
            text=values["text"],
            recipients=tuple(values["recipients"]),
            expires_at=values["expires_at"],
            view_once=values["view_once"],
            reply_to=str(values["reply_to"] or ""),
        )


class NewMessageRequest(WrittenRequest):
    send = Flag(default=False, help_text="send it at once; without that it is a draft")


class ListRequest(serializers.Serializer):
    folder = serializers.ChoiceField(choices=[folder.value for folder in Folder], default=Folder.INBOX.value)
    search = serializers.CharField(max_length=200, allow_blank=True, default="", help_text="in titles and names")
    before = serializers.UUIDField(required=False, help_text="the last message of the page before")


class RecipientValues(serializers.Serializer):
    name = serializers.CharField()
    opened_at = serializers.DateTimeField(allow_null=True, help_text="in what one has sent; null elsewhere")


class MessageValues(serializers.Serializer):
    id = serializers.UUIDField()
    folder = serializers.ChoiceField(choices=[folder.value for folder in Folder])
    title = serializers.CharField()
    sender = serializers.CharField()
    recipients = RecipientValues(many=True)
    at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    view_once = serializers.BooleanField()
    opened_at = serializers.DateTimeField(allow_null=True)
    openable = serializers.BooleanField(help_text="false once viewed (view once), revoked, or damaged")
    revoked = serializers.BooleanField()
    attachments = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="of all attachments")
    reply_to = serializers.CharField(allow_blank=True)


class MessageAnswer(serializers.Serializer):
    message = MessageValues()


class MessagesAnswer(serializers.Serializer):
    messages = MessageValues(many=True)
    unread = serializers.IntegerField()


class AttachmentValues(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="media type by content")
    size = serializers.IntegerField(help_text="bytes")


class AttachmentAnswer(serializers.Serializer):
    attachment = AttachmentValues()


class AttachmentRequest(serializers.Serializer):
    file = serializers.FileField()


class UnlockRequest(serializers.Serializer):
    capture = serializers.UUIDField(help_text="a decided capture of this message's unlock")
    code = Text(max_length=32, allow_blank=True, default="", help_text="where the decision is REQUIRE_2FA")


class ContentValues(serializers.Serializer):
    text = serializers.CharField(allow_blank=True)
    attachments = AttachmentValues(many=True)


class ContentAnswer(serializers.Serializer):
    content = ContentValues()
    seconds = serializers.IntegerField(help_text="that it stays open unless presence frames renew it")


def message_values(one: Listed) -> dict[str, object]:
    return dict(MessageValues(one).data)


def content_answer(content: Content) -> dict[str, object]:
    return dict(ContentAnswer({"content": content, "seconds": unlocks.SECONDS}).data)
