"""What goes in and out of the enrolment API, for checking and for the OpenAPI schema."""

from __future__ import annotations

from rest_framework import serializers

from apps.enrollment.models import EnrolmentJob
from apps.identities.serializers import Text


class EnrolRequest(serializers.Serializer):
    """A multipart upload. Only for the schema: ``apps.captures.door`` reads it."""

    nonce = serializers.CharField(help_text="from POST /api/v1/captures/ticket with purpose enrol, good once")
    username = serializers.CharField(
        required=False, max_length=150, help_text="operators only; created when new. Without it: your own account"
    )
    consent = serializers.BooleanField(help_text="true: the person has agreed to the storing of their biometrics")
    frames = serializers.ListField(child=serializers.FileField(), required=False, help_text="pictures of the face")
    voice = serializers.ListField(child=serializers.FileField(), required=False, help_text="recordings of the voice")


class Refusal(serializers.Serializer):
    file = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class EnrolmentValues(serializers.Serializer):
    id = serializers.UUIDField()
    person = serializers.UUIDField()
    status = serializers.ChoiceField(choices=EnrolmentJob.Status.choices)
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    accepted = serializers.IntegerField()
    refusals = Refusal(many=True)
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)


class EnrolmentAnswer(serializers.Serializer):
    job = EnrolmentValues()


class InvitationRequest(serializers.Serializer):
    username = Text(max_length=150)


class InvitationAnswer(serializers.Serializer):
    url = serializers.URLField(help_text="shown once")
    expires_at = serializers.DateTimeField()
