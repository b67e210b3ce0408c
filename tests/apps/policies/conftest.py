"""An operator, and changes of the policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.policies.models import PolicyVersion
from apps.policies.selectors import policy_to_change
from apps.policies.services.change import change_policy
from tests.factories import UserFactory

REASON = "The pilot has ended."


@pytest.fixture
def operator(db):
    return UserFactory(username="security", is_staff=True, is_superuser=True)


@pytest.fixture
def change(operator) -> Callable[..., PolicyVersion]:
    """``change(prior=0.001)``: set a policy, confirmed, from what holds now."""

    def changed(*, confirmed: bool = True, reason: str = REASON, **values: Any) -> PolicyVersion:
        number = policy_to_change()[0].number
        return change_policy(values=values, reason=reason, actor=operator, based_on=number, confirmed=confirmed)

    return changed
