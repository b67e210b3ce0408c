"""``manage.py audit_export``: the audit trail as JSON Lines or CSV on standard output, filtered."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.audit.models import Event
from apps.audit.services.export import csv_rows, json_lines
from apps.audit.services.record import COMMAND_LINE, record_event


def moment(text: str) -> datetime:
    """Raises ValueError, which argparse reports, for what is no date and time."""
    parsed = parse_datetime(text) or parse_datetime(f"{text}T00:00:00")
    if parsed is None:
        raise ValueError(text)
    return parsed if timezone.is_aware(parsed) else timezone.make_aware(parsed)


class Command(BaseCommand):
    help = "Write the audit trail to standard output. That it was exported is an event itself."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")
        parser.add_argument("--action", help="only events whose action begins so, for instance capture.")
        parser.add_argument("--subject", help="only events about this id")
        parser.add_argument("--since", type=moment, help="date, or date and time (UTC)")
        parser.add_argument("--until", type=moment)

    def handle(self, **options) -> None:
        wanted = {
            "action__startswith": options["action"],
            "subject_id": options["subject"],
            "at__gte": options["since"],
            "at__lt": options["until"],
        }
        events = Event.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
        last = events.order_by("-sequence").values_list("sequence", flat=True).first() or 0
        record_event(action="audit.exported", actor_id=COMMAND_LINE, result=options["format"])
        rows = csv_rows if options["format"] == "csv" else json_lines
        for row in rows(events.filter(sequence__lte=last)):
            self.stdout.write(row, ending="")
