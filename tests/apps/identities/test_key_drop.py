"""The last step of a rotation, taking the old key away: whatever cuts in, no key is lost that something needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError

from apps.audit.models import Event
from apps.identities import blobs, master_keys
from apps.identities.models import CaptureTrace, Person, Template
from apps.identities.sealed_traces import open_traces
from apps.identities.services import master_key
from apps.identities.services.key_check import check_master_key
from apps.identities.vault import seal, sealed_with
from tests.apps.identities.rotations import Killed, all_that_opens, rotate

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.parametrize("broken", ["row", "file"])
def test_nothing_is_dropped_while_something_does_not_open(person: Person, own_keys: Path, broken: str):
    if broken == "row":
        template = person.templates.first()
        damaged = bytearray(template.sealed_vector)
        damaged[-1] ^= 1
        Template.objects.filter(pk=template.pk).update(sealed_vector=bytes(damaged))
        expected = {"templates": [str(template.pk)]}
    else:
        name = person.samples.first().blob
        Path(blobs.storages["sealed"].path(name)).write_bytes(b"")
        expected = {"samples": [name]}

    done = rotate()

    assert done.left_closed == expected
    assert not done.dropped
    assert len(own_keys.read_text().split(",")) == 2
    assert Event.objects.filter(action="key.rotation.finished").get().result == "incomplete"
    with pytest.raises(CommandError, match=next(iter(expected.values()))[0]):
        call_command("rotate_master_key", drop_old=True, settle=0)


def test_a_value_that_came_under_the_old_key_at_the_last_moment_keeps_it_in_the_file(
    person: Person, own_keys: Path, monkeypatch: pytest.MonkeyPatch
):
    """Sealed before the new key was in the file, written after everything was looked at."""
    late = seal(b"late", purpose="traces", bound_to=f"person:{person.pk}")
    write = master_keys.write

    def written_just_before(keys: tuple[master_keys.MasterKey, ...]) -> None:
        if len(keys) == 1:
            CaptureTrace.objects.create(person=person, sealed=late)
        write(keys)

    monkeypatch.setattr(master_keys, "write", written_just_before)

    done = rotate()

    assert not done.dropped
    assert b"late" in open_traces(person.pk)
    monkeypatch.undo()
    assert rotate().dropped
    assert b"late" in open_traces(person.pk)


@pytest.mark.parametrize("cut_in", [Killed(), KeyboardInterrupt(), OperationalError("database is locked")])
def test_what_cuts_into_the_drop_puts_the_old_key_back(
    person: Person, own_keys: Path, monkeypatch: pytest.MonkeyPatch, cut_in: BaseException
):
    old = own_keys.read_text().strip()
    late = seal(b"late", purpose="traces", bound_to=f"person:{person.pk}")

    def look_again() -> dict[str, int]:
        CaptureTrace.objects.create(person=person, sealed=late)
        raise cut_in

    monkeypatch.setattr(master_key, "left", look_again)

    with pytest.raises(type(cut_in)):
        rotate()

    assert own_keys.read_text().strip().split(",")[1] == old
    assert list(own_keys.parent.iterdir()) == [own_keys]
    monkeypatch.undo()
    assert b"late" in open_traces(person.pk)
    assert rotate().dropped


def killed_while_it_drops(own_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the files as SIGKILL leaves them between the write without the old key and the last look."""
    kept = {}

    def look_again() -> dict[str, int]:
        kept.update({path: (path.read_text(), path.stat().st_mode & 0o777) for path in own_keys.parent.iterdir()})
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(master_key, "left", look_again)
        rotate()
    for path, (text, mode) in kept.items():
        path.write_text(text)
        path.chmod(mode)


def test_a_drop_that_was_killed_loses_no_key(person: Person, own_keys: Path, monkeypatch: pytest.MonkeyPatch):
    old = own_keys.read_text().strip()
    late = seal(b"late", purpose="traces", bound_to=f"person:{person.pk}")
    killed_while_it_drops(own_keys, monkeypatch)
    dropped = own_keys.with_name("master.key.dropped")
    new = own_keys.read_text().strip()
    CaptureTrace.objects.create(person=person, sealed=late)

    assert "," not in new
    assert dropped.read_text().strip() == old
    assert dropped.stat().st_mode & 0o777 == 0o600
    assert len(master_keys.configured()) == 1
    assert master_keys.find(sealed_with(late)) is None
    with pytest.raises(ImproperlyConfigured, match=r"traces.*master\.key\.dropped.*rotate_master_key"):
        check_master_key()
    done = rotate(drop_old=False)
    between = own_keys.read_text().strip()

    assert done.key == master_keys.parse(new)[0].id.hex()
    assert between == f"{new},{old}"
    assert b"late" in open_traces(person.pk)
    assert not dropped.exists()
    assert rotate().dropped
    assert own_keys.read_text().strip() == new
    assert list(own_keys.parent.iterdir()) == [own_keys]
    assert b"late" in open_traces(person.pk)


def test_a_drop_that_was_killed_with_nothing_left_is_ended_by_the_next_call(
    person: Person, own_keys: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    before = all_that_opens(person)
    killed_while_it_drops(own_keys, monkeypatch)
    new = own_keys.read_text()

    check_master_key()
    done = rotate()

    assert "master.key.dropped" in caplog.text
    assert done.dropped
    assert own_keys.read_text() == new
    assert list(own_keys.parent.iterdir()) == [own_keys]
    assert all_that_opens(person) == before
