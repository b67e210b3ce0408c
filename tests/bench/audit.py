"""The audit trail: events appended a second by one writer and by eight processes at once, and the time of a whole check.

On SQLite and, where one can be started, on PostgreSQL; each in processes of their own, on a database of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.databases import databases

EVENTS = 100_000
EACH = 4_000  # events of all writers together
WRITERS = (1, 8)
FIELDS = {"action": "capture.decided", "actor_id": "1", "subject_id": "0" * 32, "result": "GRANTED"}


def report(folder: Path) -> None:
    from tests.bench.numbers import table

    rows = [[name, *figures(environment)] for name, environment in databases(folder)]
    headings = [f"events a second, {writers} writer{'s' * (writers > 1)}" for writers in WRITERS]
    table(
        f"Audit trail ({EACH:,} events, each in a transaction of its own)",
        ["database", *headings, f"check of {EVENTS:,} events, s"],
        rows,
    )


def figures(environment: dict[str, str]) -> list[str]:
    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.bench.audit", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    start("migrate").communicate()
    rates = []
    for writers in WRITERS:
        running = [start("write", str(EACH // writers)) for _ in range(writers)]
        for one in running:
            one.stdout.readline()  # type: ignore[union-attr]  # loaded, and waits
        began = time.perf_counter()
        for one in running:
            one.stdin.write("go\n")  # type: ignore[union-attr]
            one.stdin.flush()  # type: ignore[union-attr]
        for one in running:
            assert one.wait() == 0
        rates.append(f"{EACH // writers * writers / (time.perf_counter() - began):,.0f}")
    output, _ = start("verify").communicate()
    return [*rates, output.split()[-1]]


def main(part: str, *arguments: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
    import django

    django.setup()
    from django.core.management import call_command

    if part == "migrate":
        call_command("migrate", verbosity=0)
    elif part == "write":
        write(int(arguments[0]))
    else:
        verify()


def write(count: int) -> None:
    from apps.audit.services.record import record_event

    record_event(**FIELDS)  # type: ignore[arg-type]
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(count):
        record_event(**FIELDS)  # type: ignore[arg-type]


def verify() -> None:
    """Fill the chain up to ``EVENTS``, then check it as a whole."""
    from django.core.management import call_command

    from apps.audit.chain import link
    from apps.audit.models import ChainHead, Event

    head = ChainHead.objects.get()
    while head.sequence < EVENTS:
        batch = []
        for _ in range(min(5_000, EVENTS - head.sequence)):
            event = Event(sequence=head.sequence + 1, previous=head.hash, **FIELDS)  # type: ignore[misc]
            head.sequence, head.hash = event.sequence, link(event.previous, event)
            event.hash = head.hash
            batch.append(event)
        Event.objects.bulk_create(batch)
    head.save()
    began = time.perf_counter()
    call_command("audit_verify")
    print(f"{time.perf_counter() - began:.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
