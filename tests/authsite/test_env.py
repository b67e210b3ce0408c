"""A wrong setting stops the start with its name."""

from __future__ import annotations

import pytest
from environs import EnvError

from authsite.env import read_environment


def read():
    return read_environment(dotenv=None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COSMIC_PRIOR", "0"),
        ("COSMIC_PRIOR", "2"),
        ("COSMIC_COST_FALSE_MATCH", "0"),
        ("COSMIC_COST_FALSE_MATCH", "nan"),
        ("COSMIC_COST_FALSE_NON_MATCH", "-1"),
        ("COSMIC_CONFIDENCE_LOW", "x"),
        ("COSMIC_RATE_LIMIT", "many"),
        ("COSMIC_PORT", "70000"),
        ("COSMIC_THREADS", "0"),
        ("COSMIC_LOG_LEVEL", "LOUD"),
        ("COSMIC_DEBUG", "perhaps"),
        ("COSMIC_CONFIDENCE_LOW", "0.7"),
        ("COSMIC_REQUIRED_MODALITIES", "face,smell"),
        ("COSMIC_TRUSTED_PROXIES", "the proxy"),
        ("COSMIC_ATTEMPT_RETENTION_DAYS", "0"),
        ("COSMIC_ENROLMENT_JOB_RETENTION_DAYS", "3651"),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(name, value)

    with pytest.raises(EnvError, match=name):
        read()


def test_an_empty_variable_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch):
    for name in ("COSMIC_MODELS_DIR", "COSMIC_TRUSTED_PROXIES", "GROQ_API_KEY", "COSMIC_SECRET_KEY"):
        monkeypatch.setenv(name, "")

    env = read()

    assert env.models_dir is None
    assert env.trusted_proxies == []


def test_errors_cost_the_same_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch):
    unsaid = read()
    monkeypatch.setenv("COSMIC_COST_FALSE_MATCH", "10")

    said = read()

    assert (unsaid.cost_false_match, unsaid.cost_false_non_match) == (1.0, 1.0)
    assert (said.cost_false_match, said.cost_false_non_match) == (10.0, 1.0)


def test_links_lead_to_the_port_that_is_served(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COSMIC_PORT", "8765")

    assert read().public_url == "http://localhost:8765"
