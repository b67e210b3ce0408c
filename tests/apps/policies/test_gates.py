"""Gates are set one by one: each that nobody has set follows the environment, in this release and the next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import settings

from apps.policies.models import PolicyVersion
from apps.policies.selectors import current_policy, policy_at
from apps.policies.values import from_environment
from tests.apps.policies.conftest import REASON

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DEFAULT = dict(from_environment(settings.ENV).gates)


def test_a_change_of_one_gate_leaves_the_others_to_the_environment(change, settings):
    change(gates=DEFAULT | {"forgery": "require", "vit": "require"})
    assert PolicyVersion.objects.get().values == {"gates": {"forgery": "require", "vit": "require"}}
    settings.ENV = replace(settings.ENV, gates={"lips": "advise", "minifasnet": "require"})

    change(prior=0.001)

    gates = {"forgery": "require", "vit": "require", "lips": "advise", "minifasnet": "require"}
    assert current_policy().gates == DEFAULT | gates
    assert PolicyVersion.objects.get(number=2).values["gates"] == {"forgery": "require", "vit": "require"}


def test_a_gate_is_set_back_to_where_its_weights_are_at_hand(change, settings):
    settings.ENV = replace(settings.ENV, gates={"vit": "require"})

    change(gates={"vit": "if_there"})

    assert current_policy().gates == DEFAULT
    assert PolicyVersion.objects.get().values == {"gates": {"vit": "if_there"}}


def test_a_gate_of_another_release_is_passed_over(change, caplog):
    stored = {"gates": {"smell": "require", "flat": "off"}}
    PolicyVersion.objects.create(number=1, values=stored, reason=REASON, changed_by="somebody")

    policy = current_policy()

    assert policy.gates == policy_at(1).gates == DEFAULT | {"flat": "off"}
    assert "does not know: smell" in caplog.text


def test_a_row_with_fewer_gates_than_this_release_has_is_read():
    PolicyVersion.objects.create(
        number=1, values={"gates": {"flat": "advise", "replay": "require"}}, reason=REASON, changed_by="somebody"
    )

    assert current_policy().gates == DEFAULT | {"flat": "advise", "replay": "require"}
