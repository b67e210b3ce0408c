"""What the gallery's API gives, and the shape of errors for the OpenAPI schema."""

from __future__ import annotations

from rest_framework import serializers

from apps.errors import ErrorCode
from apps.identities.models import GalleryBuild


class Text(serializers.CharField):
    """Text and nothing else; Django REST framework would make text of a number."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """True or false and nothing else; Django REST framework would take "yes", 1 and "null"."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class ErrorBody(serializers.Serializer):
    code = serializers.ChoiceField(choices=[code.value for code in ErrorCode])
    message = serializers.CharField()
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))  # type: ignore[assignment]


class ErrorAnswer(serializers.Serializer):
    error = ErrorBody()


def errors(*codes: int) -> dict[int, type[ErrorAnswer]]:
    """The error answers of a view, by HTTP status."""
    return dict.fromkeys(codes, ErrorAnswer)


class BuildValues(serializers.ModelSerializer):
    class Meta:
        model = GalleryBuild
        fields = ("id", "pack", "status", "total", "done", "not_carried", "error_code", "created_at", "finished_at")


class BuildAnswer(serializers.Serializer):
    build = BuildValues()
