"""A start with a wrong master key is refused, and says which key is meant and why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from asgiref.testing import ApplicationCommunicator
from celery.utils.dispatch import Signal
from django.core.exceptions import ImproperlyConfigured

from apps.audit.models import Event
from apps.identities import blobs
from apps.identities.models import CaptureTrace, Person, RootSecret, Template
from apps.identities.services.key_check import check_master_key
from apps.identities.services.traces import keep_trace
from authsite.asgi import application
from tests.apps.identities.conftest import fresh_key
from tests.factories import ModelVersionFactory, direction, enrolled
from worker import readiness

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_the_first_start_makes_the_secret_and_later_ones_keep_it(own_keys: Path):
    check_master_key()
    made = bytes(RootSecret.objects.get().sealed)

    check_master_key()

    assert bytes(RootSecret.objects.get().sealed) == made
    assert [event.action for event in Event.objects.all()] == ["key.root.made"]


@pytest.mark.parametrize("wrong", ["variable", "file"])
def test_another_key_is_refused_with_its_place(own_keys: Path, settings, wrong: str):
    check_master_key()
    if wrong == "variable":
        settings.ENV = replace(settings.ENV, master_key=fresh_key())
    else:
        own_keys.write_text(fresh_key())

    with pytest.raises(ImproperlyConfigured, match="Wrong master key: ") as refused:
        check_master_key()

    assert ("COSMIC_MASTER_KEY" if wrong == "variable" else str(own_keys)) in str(refused.value)


def test_the_right_key_behind_a_new_one_is_enough(own_keys: Path):
    check_master_key()
    own_keys.write_text(f"{fresh_key()},{own_keys.read_text()}")

    check_master_key()


def test_a_key_file_that_is_gone_is_said_to_be_missing_and_not_made_anew(own_keys: Path):
    check_master_key()
    own_keys.unlink()

    with pytest.raises(ImproperlyConfigured, match=r"master key is missing.*Restore it"):
        check_master_key()

    assert not own_keys.exists()


def test_data_from_before_the_secret_need_their_key_too(own_keys: Path):
    enrolled(ModelVersionFactory(), [direction(1)])
    right = own_keys.read_text()
    RootSecret.objects.all().delete()
    own_keys.write_text(fresh_key())

    with pytest.raises(ImproperlyConfigured, match="Wrong master key"):
        check_master_key()

    assert not RootSecret.objects.exists()
    own_keys.write_text(right)
    check_master_key()
    assert RootSecret.objects.exists()


def second_factor(person: Person) -> None:
    TOTP.activate(person.user, "JBSWY3DPEHPK3PXP")


SEALED: dict[str, Callable[[Person], object]] = {
    "traces": lambda person: keep_trace(person=person, content=b"a trace"),
    "samples": lambda person: blobs.store(b"a picture", purpose="samples"),
    "second factors": second_factor,
}


@pytest.mark.parametrize("kind", SEALED)
def test_one_value_under_a_key_that_is_not_configured_is_enough_to_refuse(own_keys: Path, kind: str):
    person = enrolled(ModelVersionFactory(), [direction(1), direction(2)])
    for make in SEALED.values():
        make(person)
    check_master_key()
    right = own_keys.read_text()
    own_keys.write_text(f"{fresh_key()},{right}")
    Authenticator.objects.all().delete()
    SEALED[kind](person)
    check_master_key()
    own_keys.write_text(right)

    with pytest.raises(ImproperlyConfigured, match="sealed with a key that is not configured") as refused:
        check_master_key()

    assert f": {kind}." in str(refused.value)
    assert str(own_keys) in str(refused.value)
    assert "rotate_master_key` names the values" in str(refused.value)


@pytest.mark.parametrize("made", SEALED)
def test_a_database_without_the_secret_gets_none_under_another_key(own_keys: Path, made: str):
    person = enrolled(ModelVersionFactory(), [])
    SEALED[made](person)
    RootSecret.objects.all().delete()
    right = own_keys.read_text()
    own_keys.unlink()

    with pytest.raises(ImproperlyConfigured, match="master key is missing"):
        check_master_key()
    assert not own_keys.exists()
    own_keys.write_text(fresh_key())
    with pytest.raises(ImproperlyConfigured, match=made):
        check_master_key()

    assert not RootSecret.objects.exists()
    own_keys.write_text(right)
    check_master_key()
    assert RootSecret.objects.exists()


@pytest.mark.parametrize("damage", [b"", b"\x01\x02\x03", b"\x02 of another version", b"no sealed value at all"])
def test_a_damaged_value_does_not_keep_the_system_from_starting(own_keys: Path, damage: bytes):
    person = enrolled(ModelVersionFactory(), [direction(1)])
    for make in SEALED.values():
        make(person)
    Template.objects.update(sealed_vector=damage)
    CaptureTrace.objects.update(sealed=damage)
    Authenticator.objects.update(data={"secret": damage.decode("latin-1")})
    for name in blobs.names_in("samples"):
        Path(blobs.storages["sealed"].path(name)).write_bytes(damage)

    check_master_key()


def test_only_the_ends_of_a_folder_are_looked_at(own_keys: Path):
    names = [blobs.store(b"a picture", purpose="samples") for _ in range(9)]
    for at, name in enumerate(names):
        os.utime(blobs.storages["sealed"].path(name), (at, at))

    assert blobs.ends_of("samples", 2) == [*names[:2], *names[-2:]]
    assert blobs.ends_of("samples", 5) == names
    assert blobs.ends_of("nowhere", 5) == []


@pytest.mark.parametrize("spoilt", ["folder", "no text", "not ASCII"])
def test_a_key_file_that_cannot_be_read_is_refused_in_words(own_keys: Path, spoilt: str):
    own_keys.parent.mkdir(parents=True)
    if spoilt == "folder":
        own_keys.mkdir()
    else:
        own_keys.write_bytes(b"\xff\xfe\x00" if spoilt == "no text" else "ä".encode())

    with pytest.raises(ImproperlyConfigured, match=str(own_keys)):
        check_master_key()


@pytest.mark.parametrize("error", [RuntimeError("no memory for the model"), OSError("the disk is gone")])
@pytest.mark.parametrize("step", ["check", "warm-up"])
def test_a_worker_whose_start_raises_ends_there(
    own_keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
    error: Exception,
):
    """By a signal of Celery: whatever else a receiver raises it only logs, and goes on to take tasks."""
    start = Signal()
    start.connect(readiness.load_and_warm)

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(readiness, "check_master_key" if step == "check" else "sync_model_versions", broken)

    with pytest.raises(SystemExit, match=f"The worker cannot start: .*{error}"):
        start.send(sender=None)

    assert str(error) in caplog.text


def test_a_worker_does_not_start_and_does_not_load_models_first(own_keys: Path, caplog: pytest.LogCaptureFixture):
    check_master_key()
    own_keys.write_text(fresh_key())

    with pytest.raises(SystemExit, match=r"The worker cannot start: Wrong master key"):
        readiness.load_and_warm()

    assert "Wrong master key" in caplog.text
    assert "models loaded" not in caplog.text


async def what_the_server_hears() -> dict[str, str]:
    asked = ApplicationCommunicator(application, {"type": "lifespan", "asgi": {"version": "3.0"}})
    await asked.send_input({"type": "lifespan.startup"})
    answer = await asked.receive_output(timeout=10)
    if answer["type"] == "lifespan.startup.complete":
        await asked.send_input({"type": "lifespan.shutdown"})
        assert (await asked.receive_output(timeout=10))["type"] == "lifespan.shutdown.complete"
    return answer


@pytest.mark.django_db(transaction=True)
async def test_the_web_process_starts_with_the_right_key(own_keys: Path):
    assert (await what_the_server_hears())["type"] == "lifespan.startup.complete"


@pytest.mark.django_db(transaction=True)
async def test_the_web_process_does_not_start_with_another(own_keys: Path):
    await what_the_server_hears()
    own_keys.write_text(fresh_key())

    answer = await what_the_server_hears()

    assert answer["type"] == "lifespan.startup.failed"
    assert "Wrong master key" in answer["message"]


def test_a_deployment_does_not_come_up_with_another_key(command, state: Path):
    assert command("manage.py", "migrate", "-v0").returncode == 0
    assert command("manage.py", "check_master_key").returncode == 0
    kept = (state / "keys" / "master.key").read_text()

    done = command("-m", "authsite.embedded", "start", COSMIC_MASTER_KEY=fresh_key(), COSMIC_PORT="58917")

    assert done.returncode == 1
    assert "COSMIC did not start: " in done.stderr
    assert "Wrong master key: COSMIC_MASTER_KEY holds key" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (state / "run" / "cosmic.pid").exists()
    assert (state / "keys" / "master.key").read_text() == kept


def test_a_database_that_is_not_migrated_is_said_to_be_so(command, state: Path):
    done = command("manage.py", "check_master_key")

    assert done.returncode == 1
    assert "manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(state)
