"""Every operation of the OpenAPI schema, fed by schemathesis: no fault, no answer that the schema does not know."""

from __future__ import annotations

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.deployment import Deployment

pytestmark = pytest.mark.broker

schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))


@schema.parametrize()
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_the_schema_says(case, cosmic: Deployment):
    case.call_and_validate(
        base_url=cosmic.base,
        headers={"Authorization": cosmic.client().headers["Authorization"]},
        timeout=30,
        excluded_checks=[positive_data_acceptance],  # a schema cannot say that bytes have to be a picture
    )


def test_the_served_schema_is_this_one_and_has_a_page(cosmic: Deployment):
    assert "/api/v1/verify" in cosmic.client().get("/api/schema/").text
    assert "swagger" in cosmic.client().get("/api/docs/").text.lower()
