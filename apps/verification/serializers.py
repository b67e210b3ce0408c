"""What goes in and out of the REST API, for checking and for the OpenAPI schema."""

from __future__ import annotations

from rest_framework import serializers

from apps.captures.challenges import SIDES, Kind
from apps.captures.models import Purpose
from apps.captures.services.tickets import IssuedTicket
from apps.identities.serializers import Flag, Text
from apps.verification.models import Capture, Outcome


class WhatIsPossible(serializers.Serializer):
    """What a person brings to a challenge; the login page asks with these fields alone."""

    voice = Flag(default=False, help_text="the capture will hold a recording made at the same time")
    cannot = serializers.ListField(
        child=serializers.ChoiceField(choices=[kind.value for kind in Kind]),
        default=list,
        max_length=len(Kind),
        help_text="challenges that this person cannot do; another is drawn, where policy allows it",
    )


class TicketRequest(WhatIsPossible):
    purpose = serializers.ChoiceField(choices=[Purpose.VERIFY, Purpose.IDENTIFY, Purpose.ENROL])


class ChallengeStep(serializers.Serializer):
    """One thing to do, between two moments in seconds since the first frame."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in Kind])
    starts = serializers.FloatField()
    ends = serializers.FloatField()
    count = serializers.IntegerField(required=False, help_text="blink: how often")
    side = serializers.ChoiceField(choices=SIDES, required=False, help_text="turn: the person's own side")
    digits = serializers.CharField(required=False, help_text="digits: to be read aloud in English, in order")
    colours = serializers.ListField(
        child=serializers.ListField(), required=False, help_text="light: [starts at, [red, green, blue]], 0 to 255"
    )


class TicketAnswer(serializers.Serializer):
    nonce = serializers.CharField()
    expires_at = serializers.DateTimeField()
    seconds = serializers.FloatField(help_text="how long to record")
    challenge = ChallengeStep(many=True, help_text="in order; empty for a passive capture")


def ticket_answer(ticket: IssuedTicket) -> dict[str, object]:
    values = {
        "nonce": ticket.nonce,
        "expires_at": ticket.expires_at,
        "seconds": ticket.challenge.seconds,
        "challenge": ticket.challenge.steps,
    }
    return dict(TicketAnswer(values).data)


class CaptureRequest(serializers.Serializer):
    """A multipart upload. Only for the schema: ``apps.captures.door`` reads it."""

    nonce = serializers.CharField(help_text="from POST /api/v1/captures/ticket, good once")
    frames = serializers.ListField(child=serializers.FileField(), required=False, help_text="pictures in order of time")
    frame_times = serializers.CharField(required=False, help_text="JSON list of seconds, one a frame")
    voice = serializers.FileField(required=False, help_text="WAV, FLAC or OGG, 16 to 192 kHz, made with the pictures")
    voice_starts = serializers.FloatField(required=False, help_text="seconds from the first frame to the first sound")


class VerifyRequest(CaptureRequest):
    username = serializers.CharField(max_length=150, help_text="who the person says to be")


class AnswerRequest(serializers.Serializer):
    answer = Text(max_length=100)


class Stage(serializers.Serializer):
    position = serializers.IntegerField()
    stage = serializers.CharField()
    outcome = serializers.CharField()
    milliseconds = serializers.FloatField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(required=False, allow_blank=True, help_text="operators only")
    llr = serializers.FloatField(required=False, allow_null=True, help_text="operators only")
    evidence = serializers.DictField(required=False, help_text="operators only")


class Challenge(serializers.Serializer):
    question = serializers.CharField()
    expires_at = serializers.DateTimeField()


class DecisionAnswer(serializers.Serializer):
    outcome = serializers.ChoiceField(choices=Outcome.choices)
    reason = serializers.CharField(allow_blank=True)
    message = serializers.CharField()
    next = serializers.ChoiceField(choices=["complete", "retry", "none"])
    person = serializers.CharField(required=False, allow_null=True)
    username = serializers.CharField(required=False, allow_null=True)
    posterior = serializers.FloatField(required=False, allow_null=True)
    candidates = serializers.ListField(child=serializers.DictField(), required=False)
    milliseconds = serializers.FloatField(required=False)


class Job(serializers.Serializer):
    id = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    status = serializers.ChoiceField(choices=Capture.Status.choices)
    created_at = serializers.DateTimeField()
    stages = Stage(many=True)
    challenge = Challenge(allow_null=True)
    decision = DecisionAnswer(allow_null=True)


class JobAnswer(serializers.Serializer):
    job = Job()
