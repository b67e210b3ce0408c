"""The trail as CSV and JSON Lines: by command and from the admin, filtered, and itself an event."""

from __future__ import annotations

import csv
import io
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.audit.services.record import record_event
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def events() -> None:
    record_event(action="capture.decided", subject_id="ada", result="GRANTED", details={"posterior": 0.75})
    record_event(action="capture.decided", subject_id="grace", result="DENIED", reference="=1+1")
    record_event(action="consent.given", subject_id="ada", details={"version": "2026-11, “new”"})


def exported(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_export", *arguments, stdout=out)
    return out.getvalue()


def test_json_lines_hold_every_event_with_its_hashes(events):
    rows = [json.loads(line) for line in exported().splitlines()]

    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert rows[0]["details"] == {"posterior": 0.75}
    assert rows[1]["previous"] == rows[0]["hash"]
    assert Event.objects.get(sequence=4).action == "audit.exported"


def test_csv_survives_quotes_and_starts_no_formula(events):
    rows = list(csv.DictReader(io.StringIO(exported("--format", "csv"))))

    assert json.loads(rows[2]["details"]) == {"version": "2026-11, “new”"}
    assert rows[1]["reference"] == "'=1+1"
    assert len(rows) == 3


@pytest.mark.parametrize(
    ("filtered", "sequences"),
    [
        (["--action", "capture."], [1, 2]),
        (["--subject", "ada"], [1, 3]),
        (["--since", "2000-01-01", "--until", "2001-01-01"], []),
        (["--since", "2000-01-01"], [1, 2, 3]),
    ],
)
def test_it_is_filtered(events, filtered: list[str], sequences: list[int]):
    assert [json.loads(line)["sequence"] for line in exported(*filtered).splitlines()] == sequences


def test_a_date_that_is_none_is_refused(events):
    with pytest.raises(CommandError, match="--since"):
        exported("--since", "yesterday")


@pytest.mark.parametrize(
    ("action", "kind"), [("export_csv", "text/csv"), ("export_json_lines", "application/x-ndjson")]
)
def test_an_operator_takes_the_chosen_events_along(client: Client, events, action: str, kind: str):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    chosen = [str(pk) for pk in Event.objects.filter(subject_id="ada").values_list("pk", flat=True)]

    answer = client.post(reverse("admin:audit_event_changelist"), {"action": action, "_selected_action": chosen})

    assert answer["Content-Type"] == kind
    text = b"".join(answer.streaming_content).decode()
    assert ("consent.given" in text, "grace" in text) == (True, False)
    assert Event.objects.filter(action="audit.exported").get().details == {"events": 2}
