"""Rotation of the master key: everything opens under the new key, nothing under the old one, and nobody notices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from apps.audit.models import Event
from apps.identities import blobs, master_keys
from apps.identities.gallery import StoredGallery
from apps.identities.models import CaptureTrace, Modality, Person, RootSecret, SecurityQuestion, Template
from apps.identities.rotation import rotated
from apps.identities.sealed_secrets import open_secret
from apps.identities.sealed_traces import open_traces
from apps.identities.sealed_vectors import open_vector
from apps.identities.services import master_key, resealing
from apps.identities.services.key_check import check_master_key
from apps.identities.services.master_key import Rotation, RotationRefused, rotate_master_key
from apps.identities.services.questions import OpenQuestion, open_question, set_questions
from apps.identities.services.resealing import sealed_rows
from apps.identities.services.traces import keep_trace
from apps.identities.vault import Unsealable, derived_seed, is_current, keyed_digest, seal, sealed_with, unseal
from apps.verification.models import Capture, CognitiveChallenge
from apps.verification.services import answers
from authsite.env import PROJECT
from tests.apps.identities.conftest import environment, fresh_key
from tests.factories import ModelVersionFactory, direction, enrolled

pytestmark = [pytest.mark.database, pytest.mark.django_db]
QUESTION = OpenQuestion("What was the name of my first cat?", "Minka")
CAPTURE = b"a whole capture"
SECRET = "JBSWY3DPEHPK3PXP"
PEOPLE = 120


def rotate(*, drop_old: bool = True, progress: Callable[[str, int, int], None] = lambda *_: None) -> Rotation:
    return rotate_master_key(drop_old=drop_old, settle=0, actor_id="test", progress=progress)


@pytest.fixture
def person(own_keys: Path) -> Person:
    """Somebody of whom there is one of everything that is sealed."""
    made = enrolled(ModelVersionFactory(), [direction(1), direction(2)])
    set_questions(person=made, questions=[QUESTION], actor_id="test")
    keep_trace(person=made, content=b"a trace")
    capture = Capture.objects.create(purpose="login", blob=blobs.store(CAPTURE, purpose="captures"), bound_to="me")
    waiting = CognitiveChallenge.objects.create(
        capture=capture, question=made.questions.get(), posterior=0.5, expires_at=timezone.now()
    )
    waiting.sealed_answer = seal(b"Minka", purpose=answers.PURPOSE, bound_to=answers.place_of(waiting))
    waiting.save()
    TOTP.activate(made.user, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(made.user)
    return made


def all_that_opens(person: Person) -> dict[str, object]:
    """Everything about a person in the clear."""
    challenge = CognitiveChallenge.objects.get()
    factors = {factor.type: factor.wrap() for factor in Authenticator.objects.filter(user=person.user)}
    return {
        "templates": [open_vector(template) for template in person.templates.order_by("pk")],
        "samples": [blobs.load(sample.blob) for sample in person.samples.order_by("pk")],
        "traces": open_traces(person.pk),
        "question": open_question(person.questions.get()),
        "capture": blobs.load(Capture.objects.get().blob),
        "answer": unseal(challenge.sealed_answer, purpose=answers.PURPOSE, bound_to=answers.place_of(challenge)),
        "authenticator": open_secret(factors[Authenticator.Type.TOTP].instance.data["secret"]),
        "codes": factors[Authenticator.Type.RECOVERY_CODES].generate_codes(),
    }


def all_sealed(person: Person) -> list[bytes]:
    """Every sealed value there is."""
    question, challenge = SecurityQuestion.objects.get(), CognitiveChallenge.objects.get()
    files = [*(sample.blob for sample in person.samples.all()), Capture.objects.get().blob]
    return [
        RootSecret.objects.get().sealed,
        *person.templates.values_list("sealed_vector", flat=True),
        *CaptureTrace.objects.values_list("sealed", flat=True),
        question.question,
        question.answer,
        challenge.sealed_answer,
        *(Path(blobs.storages["sealed"].path(name)).read_bytes() for name in files),
    ]


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


class Killed(BaseException):
    """What a signal does to a process in the middle of it."""


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
