"""The trail as text, one event at a time, so that a long one needs no memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from apps.audit.models import Event

COLUMNS = (
    *("sequence", "at", "action", "actor_id", "subject_id", "result", "address", "reference", "details"),
    *("previous", "hash"),
)
BATCH = 2000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would calculate such a cell


def json_lines(events: QuerySet[Event]) -> Iterator[str]:
    for event in _in_order(events):
        yield json.dumps(as_values(event), ensure_ascii=False) + "\n"


def csv_rows(events: QuerySet[Event]) -> Iterator[str]:
    """A heading, then a row an event; ``details`` are JSON in one cell."""
    yield _row(COLUMNS)
    for event in _in_order(events):
        values = as_values(event) | {"details": json.dumps(event.details, ensure_ascii=False, sort_keys=True)}
        yield _row([_harmless(values[name]) for name in COLUMNS])


def as_values(event: Event) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in COLUMNS}
    return values | {"at": event.at.isoformat(timespec="microseconds")}


def _in_order(events: QuerySet[Event]) -> Iterator[Event]:
    return events.order_by("sequence").iterator(chunk_size=BATCH)


def _row(cells: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()


def _harmless(value: object) -> object:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
