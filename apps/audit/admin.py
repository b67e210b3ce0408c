"""The audit trail in the admin: read, filtered, exported; what the webhook did not take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from apps.audit.models import Checkpoint, DeadLetter, Event, Forwarding
from apps.audit.services.export import csv_rows, json_lines
from apps.audit.services.forward import send_again
from apps.audit.services.record import record_event
from apps.list_filters import DaysFilter
from apps.paging import LongReadOnly
from apps.read_only import ReadOnly
from apps.streaming import streamed

PIECE = 100  # rows that are sent at once: a switch of threads for each row would cost more than the row


class ActionFilter(admin.SimpleListFilter):
    """The actions that there are, from the index on them."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin):
        actions = Event.objects.order_by("action").values_list("action", flat=True).distinct()
        return [(action, action) for action in actions]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(LongReadOnly):
    list_display = ("sequence", "at", "action", "result", "actor_id", "subject_id", "address", "reference")
    list_filter = (ActionFilter, ("at", DaysFilter))
    list_filter_submit = True
    search_fields = ("subject_id__exact", "reference__exact", "actor_id__exact")
    search_help_text = "A whole id: of a person, an account, an attempt."
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
    """The chosen events as a file; that somebody took them along is an event itself, and comes too late to be in it."""
    last = events.order_by("-sequence").values_list("sequence", flat=True).first() or 0
    record_event(action="audit.exported", actor_id=request.user.pk, result=ending, details={"events": events.count()})
    name = f"audit-{timezone.now():%Y%m%d-%H%M%S}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    pieces = _joined(rows(events.filter(sequence__lte=last)))
    return StreamingHttpResponse(streamed(request, pieces), content_type=content_type, headers=headers)


def _joined(rows: Iterator[str]) -> Iterator[str]:
    while piece := "".join(islice(rows, PIECE)):
        yield piece
