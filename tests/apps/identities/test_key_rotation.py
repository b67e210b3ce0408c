"""Rotation of the master key: everything opens under the new key, nothing under the old one, and nobody notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from apps.audit.models import Event
from apps.identities import blobs, master_keys
from apps.identities.gallery import StoredGallery
from apps.identities.models import CaptureTrace, Modality, Person, Template
from apps.identities.rotation import rotated
from apps.identities.sealed_secrets import open_secret
from apps.identities.services import resealing
from apps.identities.services.key_check import check_master_key
from apps.identities.services.master_key import RotationRefused
from apps.identities.services.resealing import sealed_rows
from apps.identities.services.traces import keep_trace
from apps.identities.vault import Unsealable, derived_seed, is_current, keyed_digest, seal, sealed_with
from authsite.env import PROJECT
from tests.apps.identities.conftest import environment, fresh_key
from tests.apps.identities.rotations import Killed, all_sealed, all_that_opens, rotate
from tests.factories import direction

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PEOPLE = 120


def test_everything_opens_under_the_new_key_and_nothing_under_the_old(person: Person, own_keys: Path, settings):
    before, old = all_that_opens(person), own_keys.read_text()

    done = rotate()

    assert done.dropped
    assert done.left_closed == {}
    assert all_that_opens(person) == before
    assert all(is_current(value) for value in all_sealed(person))
    settings.ENV = replace(settings.ENV, master_key=old.strip())
    for value in all_sealed(person):
        assert master_keys.find(sealed_with(value)) is None
    with pytest.raises(Unsealable):
        all_that_opens(person)
    for factor in Authenticator.objects.all():
        with pytest.raises(Unsealable):
            open_secret(factor.data.get("secret") or factor.data["seed"])


def test_digests_seeds_and_searches_are_the_same_after_two_rotations(person: Person, settings):
    def all_derived() -> list[object]:
        found = StoredGallery("builtin").search(Modality.FACE, direction(1), 5)
        stored = list(vectors())
        turned = rotated(direction(1).tolist())
        return [keyed_digest(b"x", purpose="samples"), derived_seed("rotation:128"), found, stored, turned]

    def vectors():
        return Template.objects.order_by("pk").values_list("search_vector", flat=True)

    before = all_derived()

    rotate()
    rotate()

    for origin in (settings.ENV, replace(settings.ENV, master_key=settings.ENV.master_key_file.read_text().strip())):
        settings.ENV = origin  # the second has read no root secret yet
        assert all_derived() == before


def test_a_rotation_without_dropping_keeps_the_old_key_and_ends_later(person: Person, own_keys: Path):
    old = own_keys.read_text().strip()

    first = rotate(drop_old=False)
    between = own_keys.read_text().strip().split(",")
    second = rotate(drop_old=True)

    assert not first.dropped
    assert between[1] == old
    assert second.dropped
    assert second.key == first.key
    assert own_keys.read_text().strip() == between[0]


@pytest.mark.parametrize("after", range(1, 9))
def test_a_rotation_that_was_cut_off_is_taken_up(person: Person, own_keys: Path, after: int):
    before = all_that_opens(person)
    steps = []

    def cut_off(kind: str, done: int, total: int) -> None:
        steps.append(kind)
        if len(steps) == after:
            raise Killed

    with pytest.raises(Killed):
        rotate(progress=cut_off)
    cut_off_with = own_keys.read_text().strip().split(",")
    assert all_that_opens(person) == before

    done = rotate()

    assert len(cut_off_with) == 2
    assert done.dropped
    assert own_keys.read_text().strip() == cut_off_with[0]
    assert all_that_opens(person) == before
    assert all(is_current(value) for value in all_sealed(person))


def test_what_somebody_writes_meanwhile_is_not_overwritten(person: Person):
    template = person.templates.first()
    theirs = seal(b"newer", purpose="templates", bound_to="elsewhere")

    def written_while_it_is_read(row: Template) -> str:
        Template.objects.filter(pk=row.pk).update(sealed_vector=theirs)
        return f"sample:{row.sample_id}|model:{row.model_version_id}"

    kind = sealed_rows(
        name="templates",
        rows=Template.objects.all,
        field="sealed_vector",
        purpose="templates",
        place=written_while_it_is_read,
    )
    master_keys.write((master_keys.new_key(), *master_keys.configured()))

    closed = kind.reseal([template.pk])

    assert closed == []
    assert bytes(Template.objects.get(pk=template.pk).sealed_vector) == theirs
    assert template.pk in kind.pending()


def test_a_recovery_code_used_meanwhile_stays_used(person: Person):
    kind = next(kind for kind in resealing.kinds() if kind.name == "second factors")
    row = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    codes = row.wrap()
    code = codes.get_unused_codes()[0]
    master_keys.write((master_keys.new_key(), *master_keys.configured()))

    assert codes.validate_code(code)
    resealing.replace_unchanged(Authenticator, "data", [(row.pk, row.data, {"seed": "lost", "used_mask": 0})])
    kind.reseal(kind.pending())

    after = Authenticator.objects.get(pk=row.pk)
    assert not after.wrap().validate_code(code)
    assert after.data["used_mask"] == 1
    assert kind.pending() == []


def test_an_erased_file_does_not_come_back(own_keys: Path):
    names = [blobs.store(b"a picture", purpose="samples") for _ in range(150)]
    folder = Path(blobs.storages["sealed"].path("samples"))
    master_keys.write((master_keys.new_key(), *master_keys.configured()))

    def seal_anew() -> None:
        for name in names:
            blobs.reseal(name)

    threads = [threading.Thread(target=seal_anew), threading.Thread(target=blobs.erase_all, args=(names[::-1],))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(folder.iterdir()) == []


def test_what_a_killed_resealing_left_goes_with_its_file(own_keys: Path):
    name = blobs.store(b"a picture", purpose="samples")
    path = Path(blobs.storages["sealed"].path(name))
    path.with_name(f".{path.name}.resealed").write_bytes(b"half")
    listed = blobs.names_in("samples")

    blobs.erase(name)

    assert listed == [name]
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("place", ["key file", "sealed folder"])
def test_another_user_cannot_rotate(
    person: Person, own_keys: Path, settings, monkeypatch: pytest.MonkeyPatch, place: str
):
    """What is written by a rotation belongs to whoever runs it, and the processes could not read it any more."""
    expected = own_keys
    if place == "sealed folder":
        expected = settings.STORAGES["sealed"]["OPTIONS"]["location"]
        settings.ENV = replace(settings.ENV, master_key=own_keys.read_text().strip())
    before = own_keys.read_text(), all_sealed(person)
    monkeypatch.setattr(os, "geteuid", lambda: expected.stat().st_uid + 1)

    with pytest.raises(RotationRefused, match=f"{expected} belongs to "):
        rotate(drop_old=False)

    assert (own_keys.read_text(), all_sealed(person)) == before
    assert not Event.objects.filter(action="key.rotation.started").exists()


def test_a_place_that_cannot_be_looked_at_refuses_in_words(own_keys: Path, settings):
    own_keys.parent.mkdir()
    settings.ENV = replace(settings.ENV, master_key_file=own_keys.with_name("k" * 300))

    with pytest.raises(RotationRefused, match="call this as the user that web and worker run as"):
        rotate()


def test_the_root_secret_comes_last_and_a_key_file_from_before_does_not_start(person: Person, own_keys: Path):
    """What the start looks at first must not be the only thing that says that a key is missing."""
    old, kinds = own_keys.read_text(), []

    def cut_off(kind: str, done: int, total: int) -> None:
        kinds.append(kind)
        if len(kinds) == 3:
            raise Killed

    with pytest.raises(Killed):
        rotate(progress=cut_off)
    own_keys.write_text(old)
    with pytest.raises(ImproperlyConfigured, match="key that is not configured") as refused:
        check_master_key()
    master_keys.write((master_keys.new_key(), *master_keys.configured()))
    resealing.reseal_all(lambda kind, *_: kinds.append(kind))

    assert all(kind in str(refused.value) for kind in kinds[:3])
    assert kinds[-1] == "root secret"
    assert kinds.count("root secret") == 1


def test_every_kind_knows_values_under_a_key_that_is_not_here(person: Person, own_keys: Path):
    def foreign() -> set[str]:
        return {kind.name for kind in resealing.kinds() if kind.foreign()}

    here = foreign()
    own_keys.write_text(fresh_key())

    assert here == set()
    assert foreign() == {kind.name for kind in resealing.kinds() if not kind.name.startswith("messages")}


def test_values_under_a_key_that_is_not_here_are_named_by_a_rotation(person: Person, own_keys: Path):
    right = own_keys.read_text()
    own_keys.write_text(f"{fresh_key()},{right}")
    keep_trace(person=person, content=b"another")
    own_keys.write_text(right)
    lost = CaptureTrace.objects.latest("pk")

    with pytest.raises(CommandError, match=f"traces: {lost.pk}"):
        call_command("rotate_master_key", settle=0)

    assert Event.objects.filter(action="key.rotation.finished").get().actor_id == "command_line"


def test_one_rotation_at_a_time(person: Person):
    refused = []

    def again(*_: object) -> None:
        with pytest.raises(RotationRefused, match="Another rotation is running"):
            rotate()
        refused.append(True)

    assert rotate(progress=again).dropped
    assert refused


def test_keys_from_the_environment_are_used_as_they_are(person: Person, own_keys: Path, settings):
    old, new = own_keys.read_text().strip(), fresh_key()
    before = all_that_opens(person)
    settings.ENV = replace(settings.ENV, master_key=f"{new},{old}")

    with pytest.raises(RotationRefused, match="COSMIC_MASTER_KEY"):
        rotate(drop_old=True)
    done = rotate(drop_old=False)

    assert not done.dropped
    assert own_keys.read_text().strip() == old
    settings.ENV = replace(settings.ENV, master_key=new)
    check_master_key()
    assert all_that_opens(person) == before


def test_a_wrong_key_rotates_nothing(person: Person, own_keys: Path):
    rotate()
    sealed = all_sealed(person)
    own_keys.write_text(fresh_key())
    wrong = own_keys.read_text()

    with pytest.raises(CommandError, match="Wrong master key"):
        call_command("rotate_master_key", settle=0)

    assert own_keys.read_text() == wrong
    assert all_sealed(person) == sealed


def test_the_audit_trail_names_keys_by_their_ids_alone(person: Person, own_keys: Path):
    secrets = own_keys.read_text().split(",")

    done = rotate()

    events = Event.objects.filter(action__startswith="key.rotation").order_by("sequence")
    assert [(event.action, event.details["key"]) for event in events] == [
        ("key.rotation.started", done.key),
        ("key.rotation.finished", done.key),
    ]
    assert events[1].details["old"] == done.old
    assert events[1].details["dropped"] is True
    assert events[1].details["resealed"]["templates"] == 2
    written = json.dumps([event.details for event in events])
    assert not any(secret.strip() in written for secret in [*secrets, own_keys.read_text()])


def test_the_command_shows_a_bar_for_each_kind_and_says_what_to_do(person: Person, capsys: pytest.CaptureFixture[str]):
    call_command("rotate_master_key", settle=0)

    shown = capsys.readouterr()
    assert "templates: 2 sealed anew" in shown.out
    assert "--drop-old" in shown.out
    for kind in ("root secret", "templates", "traces", "samples", "captures", "second factors"):
        assert f"{kind}: 100%" in shown.err


def test_a_deployment_reads_and_writes_while_its_key_is_rotated(command, state: Path):
    assert command("manage.py", "migrate", "-v0").returncode == 0
    busy = subprocess.Popen(
        [sys.executable, "-m", "tests.apps.identities.busy_process", str(PEOPLE)],
        cwd=PROJECT,
        env=environment(state),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert busy.stdout.readline() == "ready\n"
    old = (state / "keys" / "master.key").read_text().strip()

    done = command("manage.py", "rotate_master_key", "--drop-old", "--settle", "1")
    said, _ = busy.communicate("", timeout=60)

    assert done.returncode == 0, done.stderr
    new = (state / "keys" / "master.key").read_text().strip()
    seen = json.loads(said)
    assert old not in new
    assert (seen["closed"], seen["locked_out"]) == (0, 0)
    assert seen["read"] > 0
    assert seen["written"] > 0
    assert (seen["kept"], seen["same_digest"]) == (True, True)
    assert seen["all"] == PEOPLE + seen["written"]
