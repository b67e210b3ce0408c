"""The audit trail in the admin: read, filtered, exported; what the webhook did not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from apps.audit.models import Checkpoint, DeadLetter, Event, Forwarding
from apps.audit.services.export import csv_rows, json_lines
from apps.audit.services.forward import send_again
from apps.audit.services.record import record_event
from apps.read_only import ReadOnly


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("sequence", "at", "action", "result", "actor_id", "subject_id", "address", "reference")
    list_filter = ("action", "result", "at")
    search_fields = ("subject_id", "reference", "actor_id")
    date_hierarchy = "at"
    show_full_result_count = False  # counting a long trail costs more than showing a page of it
    actions = ("export_csv", "export_json_lines")

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, events: QuerySet[Event]) -> StreamingHttpResponse:
        return _exported(request, events, csv_rows, "csv", "text/csv")

    @admin.action(description="Export as JSON Lines", permissions=["view"])
    def export_json_lines(self, request: HttpRequest, events: QuerySet[Event]) -> StreamingHttpResponse:
        return _exported(request, events, json_lines, "jsonl", "application/x-ndjson")


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("sequence", "at", "hash", "key")


@admin.register(Forwarding)
class ForwardingAdmin(ReadOnly):
    list_display = ("sent_to", "failures", "last_error", "next_try_at")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnly):
    list_display = ("first", "last", "error", "at", "sent_at")
    actions = ("send_again",)

    @admin.action(description="Send again", permissions=["view"])
    def send_again(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        taken = [letter for letter in letters if send_again(letter)]
        for letter in taken:
            record_event(action="audit.sent_again", actor_id=request.user.pk, reference=f"{letter.first}-{letter.last}")
        missed = len(letters) - len(taken)
        level = messages.ERROR if missed else messages.SUCCESS
        self.message_user(request, f"{len(taken)} taken, {missed} not.", level)


def _exported(
    request: HttpRequest,
    events: QuerySet[Event],
    rows: Callable[[QuerySet[Event]], Iterator[str]],
    ending: str,
    content_type: str,
) -> StreamingHttpResponse:
    """The chosen events as a file; that somebody took them along is an event itself."""
    record_event(action="audit.exported", actor_id=request.user.pk, result=ending, details={"events": events.count()})
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(rows(events), content_type=content_type, headers=headers)
