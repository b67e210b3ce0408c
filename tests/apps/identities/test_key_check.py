"""A start with a wrong master key is refused, and says which key is meant and why."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.exceptions import ImproperlyConfigured

from apps.audit.models import Event
from apps.identities.models import RootSecret
from apps.identities.services.key_check import check_master_key
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
