"""The operator's pages over 100,000 attempts: how many queries each asks, and how long it takes.

On SQLite and, where one can be started, on PostgreSQL; each in a process of its own, on a database of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from tests.bench.databases import databases

ATTEMPTS = 100_000
PEOPLE = 1_000
EVENTS = 100_000
DAYS = 28  # over which attempts and events are spread
STAGES = ("liveness", "deepfake", "embedding", "fusion", "confidence")
REASONS = ("not_live", "turn_not_seen", "light_not_seen", "manipulated", "replayed", "no_match", "no_face")
BATCH = 5_000
TIMES = 9


def report(folder: Path) -> None:
    for name, environment in databases(folder):
        subprocess.run([sys.executable, "-m", "tests.bench.admin", name], env=environment, check=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from authsite import embedded

    (settings.STATE_DIR / "static").mkdir(parents=True, exist_ok=True)
    redis = subprocess.Popen(embedded.redis_command(settings.ENV), stdout=subprocess.DEVNULL)
    try:
        call_command("migrate", verbosity=0)
        fill()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        measured()
    finally:
        redis.terminate()
        redis.wait()


def fill() -> None:
    from django.contrib.auth import get_user_model

    from apps.identities.models import Consent, Person, Sample, Template
    from tests.factories import ModelVersionFactory

    version = ModelVersionFactory()
    user_model = get_user_model()
    users = user_model.objects.bulk_create([user_model(username=f"person{number:04}") for number in range(PEOPLE)])
    people = Person.objects.bulk_create([Person(user=user, status="active") for user in users])
    Consent.objects.bulk_create([Consent(person=person, version="1", recorded_by="1") for person in people])
    samples = Sample.objects.bulk_create(
        [
            Sample(
                person=person, modality="face", fingerprint=f"{person.pk}-{index}", quality={"sharpness": 50.0 + index}
            )
            for person in people
            for index in range(5)
        ]
    )
    Template.objects.bulk_create(
        [
            Template(sample=sample, person_id=sample.person_id, model_version=version, sealed_vector=b"")
            for sample in samples
        ]
    )
    for first in range(0, ATTEMPTS, BATCH):
        fill_attempts(people, range(first, first + BATCH))
    for first in range(0, EVENTS, BATCH):
        fill_events(people, range(first, first + BATCH))


def fill_attempts(people: list, numbers: range) -> None:
    """Three of five granted, one in fifty with a second factor, the others refused."""
    from django.utils import timezone

    from apps.verification.models import Capture, Decision, StageRecord

    Capture._meta.get_field("created_at").auto_now_add = False
    Decision._meta.get_field("at").auto_now_add = False
    times = {number: timezone.now() - timedelta(days=DAYS) * (1 - number / ATTEMPTS) for number in numbers}
    captures = Capture.objects.bulk_create(
        [
            Capture(
                purpose="login",
                status=Capture.Status.DONE,
                claimed=people[number * 7 % PEOPLE],
                bound_to="bench",
                address=f"192.0.2.{number % 250}",
                created_at=times[number],
                finished_at=times[number],
            )
            for number in numbers
        ]
    )
    decisions, stages = [], []
    for number, capture in zip(numbers, captures, strict=True):
        outcome = "REQUIRE_2FA" if number % 50 == 0 else ("GRANTED" if number % 5 < 3 else "DENIED")
        reason = REASONS[number // 5 % len(REASONS)] if outcome == "DENIED" else ""
        person = capture.claimed if outcome != "DENIED" else None
        decisions.append(
            Decision(
                capture=capture, outcome=outcome, reason=reason, person=person, milliseconds=400 + number % 900,
                at=times[number],
            )
        )  # fmt: skip
        for position, name in enumerate(STAGES):
            refused = outcome == "DENIED" and position == number % 5
            stages.append(
                StageRecord(
                    capture=capture, position=position, name=name, outcome="refused" if refused else "passed",
                    reason=reason if refused else "", llr=1.0, milliseconds=100.0,
                    evidence={"gates": {"picture": {"rule": "require", "passed": True, "cues": {"moire": 7.25}}}},
                )
            )  # fmt: skip
    Decision.objects.bulk_create(decisions)
    StageRecord.objects.bulk_create(stages, batch_size=2_000)


def fill_events(people: list, numbers: range) -> None:
    """Events that hang on no chain: lists do not look at it."""
    from django.utils import timezone

    from apps.audit.models import Event

    Event.objects.bulk_create(
        [
            Event(
                sequence=1_000_000 + number, action="capture.decided" if number % 2 else "capture.submitted",
                at=timezone.now() - timedelta(days=DAYS) * (1 - number / EVENTS), result="GRANTED" if number % 2 else "",
                subject_id=people[number % PEOPLE].public_id, reference=f"{number:032}", previous="0" * 64, hash="0" * 64,
            )
            for number in numbers
        ]
    )  # fmt: skip


def measured() -> None:
    import numpy as np
    from django.db import connection
    from django.test import Client

    from tests.bench.numbers import milliseconds, table
    from tests.factories import UserFactory

    client = Client(SERVER_NAME="localhost")
    client.force_login(UserFactory(username="officer", is_staff=True, is_superuser=True))
    rows = []
    for title, page in pages():
        assert client.get(page).status_code == 200, page
        seen: list[str] = []
        with connection.execute_wrapper(lambda run, sql, *rest, seen=seen: (seen.append(sql), run(sql, *rest))[1]):
            client.get(page)
        spent = milliseconds(lambda page=page: client.get(page), times=TIMES, warm=1)
        rows.append([title, len(seen), f"{np.median(spent):.0f}", f"{max(spent):.0f}"])
    table(
        f"The admin on {sys.argv[1]}, {ATTEMPTS:,} attempts of {PEOPLE:,} people over {DAYS} days, {EVENTS:,} audit events",
        ["page", "queries", "median, ms", "slowest of nine, ms"],
        rows,
    )


def pages() -> list[tuple[str, str]]:
    from django.urls import reverse

    from apps.identities.models import Person
    from apps.verification.models import Capture

    attempts, events = reverse("admin:verification_capture_changelist"), reverse("admin:audit_event_changelist")
    people = reverse("admin:identities_person_changelist")
    one = Capture.objects.order_by("pk")[ATTEMPTS // 2]
    person = Person.objects.order_by("pk")[PEOPLE // 2]
    return [
        ("dashboard", reverse("admin:index")),
        ("statistics as JSON", reverse("operator_stats")),
        ("attempts, page 1", attempts),
        ("attempts, page 500", f"{attempts}?p=500"),
        ("attempts, page 1000 (the last that can be paged to)", f"{attempts}?p=1000"),
        ("attempts, second factor wanted", f"{attempts}?decision__outcome__exact=REQUIRE_2FA"),
        ("attempts, refused", f"{attempts}?decision__outcome__exact=DENIED"),
        ("attempts, refused, page 500", f"{attempts}?decision__outcome__exact=DENIED&p=500"),
        ("attempts, by reason", f"{attempts}?reason=turn_not_seen"),
        ("attempts, not reviewed", f"{attempts}?review=none"),
        (
            "attempts of one day",
            f"{attempts}?created_at_from={one.created_at:%Y-%m-%d}&created_at_to={one.created_at:%Y-%m-%d}",
        ),
        ("attempts of a person, searched by name", f"{attempts}?q={person}"),
        ("attempts from an address", f"{attempts}?q=192.0.2.7"),
        ("one attempt", reverse("admin:verification_capture_change", args=[one.pk])),
        ("audit trail, page 1", events),
        ("audit trail, page 1000 (the last that can be paged to)", f"{events}?p=1000"),
        ("audit trail, of one action", f"{events}?action=capture.decided"),
        ("audit trail, of one person", f"{events}?q={person.public_id}"),
        ("people, page 1", people),
        ("people, page 20", f"{people}?p=20"),
        ("one person", reverse("admin:identities_person_change", args=[person.pk])),
    ]


if __name__ == "__main__":
    main()
