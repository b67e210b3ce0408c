"""The walls of the house: what the web process loads, which codes exist, what the compose file promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from apps.errors import SENTENCES, ErrorCode
from authsite.env import PROJECT
from worker.cascade.types import Reason

HEAVY = ("torch", "onnxruntime", "mediapipe", "insightface", "speechbrain", "cv2", "scipy", "sklearn", "numpy", "groq")


def test_the_web_process_loads_no_model_library(tmp_path: Path):
    script = (
        "import authsite.asgi, sys; from django.urls import get_resolver; get_resolver().url_patterns;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "authsite.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


def test_every_reason_of_the_cascade_is_an_error_code():
    assert {reason.value for reason in Reason} <= {code.value for code in ErrorCode}


def test_every_code_has_a_sentence():
    assert set(SENTENCES) == set(ErrorCode)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in SENTENCES.values())


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((PROJECT / "docker-compose.yml").read_text())


def test_compose_has_no_default_secret(compose: dict):
    text = (PROJECT / "docker-compose.yml").read_text()

    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "COSMIC_SECRET_KEY", "COSMIC_MASTER_KEY"):
        assert f"${{{name}:?" in text
        assert f"{name}=\n" in (PROJECT / ".env.example").read_text()


def test_compose_runs_ours_as_nobody_special_and_checks_their_health(compose: dict):
    services = compose["services"]

    for name in ("web", "worker", "worker-gpu", "beat", "migrate"):
        assert services[name]["user"] == "10001:10001"
    for name in ("web", "worker", "worker-gpu", "postgres", "redis"):
        assert services[name]["healthcheck"]["test"]
    assert services["worker-gpu"]["profiles"] == ["gpu"]


def test_compose_passes_on_every_setting(compose: dict):
    """A setting that is named in .env and does not arrive would be a policy that nobody follows."""
    services = compose["services"]

    for name in ("web", "worker", "worker-gpu", "beat", "migrate"):
        assert services[name]["env_file"] == ".env"
        assert not {key for key in services[name]["environment"] if key.startswith("COSMIC_OPERATORS")}


def test_the_image_installs_what_make_installs():
    docker, make = (PROJECT / "Dockerfile").read_text(), (PROJECT / "Makefile").read_text()

    for name in ("requirements.txt", "requirements-no-deps.txt", "constraints.txt"):
        assert name in docker
        assert name in make
    for top in ("authsite", "apps", "models", "worker", "templates", "static"):
        assert f"COPY {top} {top}" in docker
