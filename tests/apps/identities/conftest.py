from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.utils import timezone

from apps.identities import blobs
from apps.identities.models import Person
from apps.identities.services.questions import set_questions
from apps.identities.services.traces import keep_trace
from apps.identities.vault import seal
from apps.verification.models import Capture, CognitiveChallenge
from apps.verification.services import answers
from authsite.env import PROJECT
from tests.apps.identities.rotations import CAPTURE, QUESTION
from tests.factories import ModelVersionFactory, direction, enrolled

Manage = Callable[..., subprocess.CompletedProcess[str]]


def fresh_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def own_keys(settings, tmp_path: Path) -> Path:
    """A key file and a sealed storage that belong to one test."""
    settings.ENV = replace(settings.ENV, master_key="", master_key_file=tmp_path / "keys" / "master.key")
    sealed = settings.STORAGES["sealed"]
    place = {"location": tmp_path / "sealed"}
    settings.STORAGES = settings.STORAGES | {"sealed": sealed | {"OPTIONS": sealed["OPTIONS"] | place}}
    return settings.ENV.master_key_file


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def command(state: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of the project on a state folder of its own, as an operator would; ``variables`` are set for it."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=environment(state) | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def environment(state: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COSMIC_", "DATABASE_URL"))}
    return kept | {"COSMIC_STATE_DIR": str(state), "COSMIC_LOG_LEVEL": "WARNING"}


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
