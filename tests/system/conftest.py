"""People enrolled once for all tests of the whole system."""

from __future__ import annotations

import pytest

from tests.captures import enrolment_files
from tests.deployment import Deployment


@pytest.fixture(scope="session")
def ada(cosmic: Deployment) -> str:
    """The astronaut's account, enrolled by the operator over the REST API."""
    job = cosmic.enrol("ada", enrolment_files("astronaut"))
    assert job["status"] == "done", job
    return "ada"
