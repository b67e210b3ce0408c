"""The hash chain: what anybody does to it is found and named."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from apps.audit import triggers
from apps.audit.chain import GENESIS, link
from apps.audit.models import ChainHead, Checkpoint, Event
from apps.audit.services.checkpoints import make_checkpoint
from apps.audit.services.record import record_event
from authsite.env import PROJECT

pytestmark = [pytest.mark.django_db, pytest.mark.database]
WRITERS, EACH = 8, 25
APPEND = """
import django; django.setup()
from django.db import connection
from apps.audit.services.record import record_event
for number in range({each}):
    record_event(action="test.written", actor_id={writer}, details={{"number": number}})
"""


def written(count: int = 10) -> list[Event]:
    return [
        record_event(action="test.written", details={"number": index, "share": 0.1 * index}) for index in range(count)
    ]


def verify(*arguments: str) -> list[str]:
    """The findings, empty for a whole trail."""
    out = StringIO()
    try:
        call_command("audit_verify", *arguments, stdout=out)
    except CommandError:
        return out.getvalue().splitlines()
    assert "is whole" in out.getvalue()
    return []


def checkpoints(path: Path) -> Path:
    out = StringIO()
    call_command("audit_checkpoint", stdout=out)
    path.write_text(out.getvalue())
    return path


def rechain(first: int) -> None:
    """What somebody with all rights would do to hide a change: hash everything again from there on."""
    before = (
        Event.objects.filter(sequence__lt=first).order_by("-sequence").values_list("hash", flat=True).first() or GENESIS
    )
    for event in Event.objects.filter(sequence__gte=first).order_by("sequence"):
        event.previous, event.hash = before, ""
        event.hash = before = link(before, event)
        event.save()
    ChainHead.objects.update(hash=before)


def test_each_event_holds_on_to_the_one_before():
    events = written(3)

    assert [event.sequence for event in events] == [1, 2, 3]
    assert [event.previous for event in events] == [GENESIS, events[0].hash, events[1].hash]
    assert verify() == []


def test_an_empty_trail_is_whole():
    assert verify() == []


@pytest.mark.parametrize(
    "change",
    [
        {"action": "test.forged"},
        {"details": {"number": 5, "share": 0.4}},
        {"subject_id": "somebody else"},
        {"result": "GRANTED"},
        {"address": "10.0.0.1"},
        {"actor_id": "7"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_event_is_named(change: dict):
    written()

    Event.objects.filter(sequence=6).update(**change)

    assert verify() == ["event 6: changed"]


def test_a_removed_event_is_named():
    written()

    Event.objects.filter(sequence=4).delete()

    assert verify() == ["event 4: removed"]


def insert(*sequences: int) -> None:
    """Events of somebody else's making under these numbers, made to fit their predecessors; what follows moves on, and
    was hashed without them."""
    for sequence in sequences:
        Event.objects.filter(sequence__gte=sequence).order_by("-sequence").update(sequence=F("sequence") + 100)
        Event.objects.filter(sequence__gt=100).update(sequence=F("sequence") - 99)
        before = Event.objects.get(sequence=sequence - 1).hash if sequence > 1 else GENESIS
        forged = Event(sequence=sequence, action="test.forged", previous=before, hash="")
        forged.hash = link(forged.previous, forged)
        forged.save()


@pytest.mark.parametrize(
    "sequences",
    [(6,), (1,), (6, 7), (3, 4, 5), (3, 8), (11,), (11, 12)],
    ids=lambda numbers: "_".join(map(str, numbers)),
)
def test_inserted_events_are_named_and_no_others(sequences: tuple[int, ...]):
    written()

    insert(*sequences)

    assert verify() == [f"event {sequence}: inserted" for sequence in sequences]


def test_inserted_events_hide_no_other_fault(tmp_path: Path):
    written()
    kept = checkpoints(tmp_path / "kept.jsonl")
    Event.objects.filter(sequence=8).update(result="GRANTED")
    insert(4)
    Event.objects.filter(sequence=2).delete()

    assert verify("--checkpoints", str(kept)) == ["event 2: removed", "event 4: inserted", "event 9: changed"]


def test_an_inserted_event_does_not_pass_for_what_a_checkpoint_was_signed_over(tmp_path: Path):
    """Number 10 was signed. The event that has it now was inserted, and the one that was signed is whole."""
    written()
    kept = checkpoints(tmp_path / "kept.jsonl")

    insert(10)
    assert verify("--checkpoints", str(kept)) == ["event 10: inserted"]

    rechain(10)  # hidden by whoever has all rights
    ChainHead.objects.update(sequence=11)
    assert "event 10: rewritten" in verify("--checkpoints", str(kept))


def test_events_that_changed_places_are_named():
    written()
    for old, new in ((3, 99), (7, 3), (99, 7)):
        Event.objects.filter(sequence=old).update(sequence=new)

    found = verify()

    assert {"event 3: changed", "event 7: changed"} <= set(found)
    assert {"event 3: out of place", "event 7: out of place"} <= set(found)


def test_an_end_that_was_cut_off_is_named():
    written()

    Event.objects.filter(sequence__gt=7).delete()

    assert verify() == ["event 7: cut off"]


def test_a_whole_chain_that_was_rewritten_contradicts_a_checkpoint_kept_elsewhere(tmp_path: Path):
    written()
    kept = checkpoints(tmp_path / "kept.jsonl")
    Event.objects.filter(sequence=2).update(result="GRANTED")
    rechain(2)
    Checkpoint.objects.all().delete()
    assert verify() == []  # alone the chain cannot know

    assert verify("--checkpoints", str(kept)) == ["event 10: rewritten"]


def test_a_trail_that_was_cut_with_its_head_contradicts_a_checkpoint(tmp_path: Path):
    written()
    kept = checkpoints(tmp_path / "kept.jsonl")
    Event.objects.filter(sequence__gt=7).delete()
    ChainHead.objects.update(sequence=7, hash=Event.objects.get(sequence=7).hash)
    Checkpoint.objects.all().delete()

    assert verify("--checkpoints", str(kept)) == ["event 7: cut off"]


def test_a_forged_checkpoint_is_named(tmp_path: Path):
    written()
    kept = checkpoints(tmp_path / "kept.jsonl")
    statement = json.loads(kept.read_text())
    kept.write_text(json.dumps(statement | {"at": "2020-01-01T00:00:00.000000+00:00"}))

    assert verify("--checkpoints", str(kept)) == ["event 10: forged checkpoint"]
    assert "event 10: forged checkpoint" in verify("--key", "00" * 32)
    assert verify("--key", statement["key"]) == []


def test_a_checkpoint_is_made_where_something_happened():
    assert make_checkpoint() is None
    written(2)
    first = make_checkpoint()
    assert first is not None and first.sequence == 2
    assert make_checkpoint() is None


def test_what_is_rolled_back_leaves_no_gap():
    written(2)
    with pytest.raises(RuntimeError), transaction.atomic():
        record_event(action="test.undone")
        raise RuntimeError

    assert record_event(action="test.written").sequence == 3
    assert verify() == []


def test_a_number_that_is_none_is_not_written():
    with pytest.raises(ValueError, match="not JSON compliant"), transaction.atomic():
        record_event(action="test.written", details={"posterior": float("nan")})

    assert not Event.objects.exists()


@pytest.mark.parametrize("model", [Event, Checkpoint])
@pytest.mark.parametrize("act", ["update", "delete"])
def test_the_database_itself_refuses_to_forget(model: type, act: str):
    written(2)
    make_checkpoint()
    with connection.cursor() as cursor:
        for statement in triggers.installing(connection.vendor):
            cursor.execute(statement)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        rows = model.objects.filter(sequence=2)
        rows.update(hash="0" * 64) if act == "update" else rows._raw_delete(rows.db)

    record_event(action="test.written")
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_eight_processes_keep_one_chain():
    if connection.vendor == "sqlite":
        pytest.skip("the tests' database lies in memory; the next test has one in a file")
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    write_from_many_processes({"DATABASE_URL": url})

    assert Event.objects.count() == WRITERS * EACH
    assert verify() == []


def test_eight_processes_keep_one_chain_in_a_file(tmp_path: Path):
    state = {"COSMIC_STATE_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'cosmic.sqlite3'}"}
    run("manage.py", "migrate", "-v", "0", **state)
    write_from_many_processes(state)

    assert f"{WRITERS * EACH} events" in run("manage.py", "audit_verify", **state)
    with closing(sqlite3.connect(tmp_path / "cosmic.sqlite3")) as raw:  # the triggers that a migration has made
        for statement in ("UPDATE audit_event SET result = 'GRANTED'", "DELETE FROM audit_event"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                raw.execute(statement)


def write_from_many_processes(variables: dict[str, str]) -> None:
    environment = environment_with(variables)
    code = [APPEND.format(each=EACH, writer=writer) for writer in range(WRITERS)]
    running = [subprocess.Popen([sys.executable, "-c", one], cwd=PROJECT, env=environment) for one in code]
    assert [one.wait(timeout=120) for one in running] == [0] * WRITERS


def run(*arguments: str, **variables: str) -> str:
    command = [sys.executable, *arguments]
    environment = environment_with(variables)
    return subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True).stdout


def environment_with(variables: dict[str, str]) -> dict[str, str]:
    return os.environ | {"DJANGO_SETTINGS_MODULE": "authsite.settings"} | variables
