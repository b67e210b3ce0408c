"""A change of the policy: counts at once, is refused where it is unsafe, asked twice where it weakens, and audited."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import connection

from apps.audit.models import Event
from apps.captures.challenges import draw_challenge
from apps.captures.models import Purpose
from apps.captures.services.tickets import issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.policies.models import PolicyVersion
from apps.policies.selectors import current_policy, policy_at
from apps.policies.services.change import change_policy
from apps.policies.values import NAMES, SHARPENING, as_json, from_environment
from authsite.env import GATES, PROJECT
from tests.apps.policies.conftest import REASON
from tests.factories import UserFactory
from worker import wiring
from worker.cascade.types import DEFAULT_RULES, Gate, Modality, Rule

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ALL_OFF = dict.fromkeys(GATES, "off")
DEFAULT = dict(from_environment(settings.ENV).gates)
NOTHING_LIVE = DEFAULT | dict.fromkeys(("stream", "picture", "minifasnet", "vit", "flat"), "advise")
UNSAFE = {
    "no modality": ("required_modalities", {"required_modalities": []}),
    "a modality that is none": ("required_modalities", {"required_modalities": ["face", "smell"]}),
    "band upside down": ("confidence_low", {"confidence_low": 0.7, "confidence_high": 0.6}),
    "in on less than even odds": ("confidence_high", {"confidence_low": 0.2, "confidence_high": 0.4}),
    "all gates off": ("gates", {"gates": ALL_OFF}),
    "nothing says that somebody is there": ("gates", {"gates": NOTHING_LIVE, "challenge_count": 0}),
    "a gate that is none": ("gates", {"gates": DEFAULT | {"smell": "require"}}),
    "a rule that is none": ("gates", {"gates": DEFAULT | {"vit": "perhaps"}}),
    "prior too low": ("prior", {"prior": 1e-9}),
    "prior of one": ("prior", {"prior": 1.0}),
    "prior that is no number": ("prior", {"prior": float("nan")}),
    "let in against the evidence": ("prior", {"prior": 0.6}),
    "costs turned round": ("prior", {"prior": 0.4, "cost_false_non_match": 100.0}),
    "cost of nothing": ("cost_false_match", {"cost_false_match": 0.0}),
    "kept too long": ("capture_retention_days", {"capture_retention_days": 3651}),
    "kept for ever": ("attempt_retention_days", {"attempt_retention_days": 0}),
    "jobs kept for ever": ("enrolment_job_retention_days", {"enrolment_job_retention_days": -1}),
    "more challenges than kinds": ("challenge_count", {"challenge_count": 3, "challenges": ["turn", "light"]}),
    "no time": ("challenge_deadline_seconds", {"challenge_deadline_seconds": 0}),
    "no memory": ("replay_memory", {"replay_memory": 0}),
    "not of its type": ("values", {"prior": "low"}),
    "no field of a policy": ("values", {"master_key": "AAAA"}),
}
WEAKER = {
    "higher prior": ({"prior": 0.02}, "less evidence"),
    "dearer refusals": ({"cost_false_non_match": 2.0}, "less evidence"),
    "lower band": ({"confidence_low": 0.3}, "asked instead of refused"),
    "gate advises": ({"gates": DEFAULT | {"flat": "advise"}}, "flat falls from require to advise"),
    "gate off": ({"gates": DEFAULT | {"forgery": "off"}}, "forgery falls from advise to off"),
    "fewer challenges": ({"challenge_count": 0}, "0 challenges are asked for instead of 1"),
    "fewer kinds": ({"challenges": ["turn"]}, "light is no longer drawn"),
    "more time": ({"challenge_deadline_seconds": 60}, "60 s instead of 20 s"),
    "shorter memory": ({"replay_memory": 10}, "Only 10 instead of 50"),
    "one modality less": ({"required_modalities": ["face"]}, "voice is no longer required"),
    "no second factor": ({"second_factor_after_challenge": False}, "needs no second factor"),
    "content kept": ({"capture_retention_days": 7}, "kept for 7 days instead of 0"),
    "attempts kept longer": ({"attempt_retention_days": 400}, "kept for 400 days instead of 365"),
    "attempts gone sooner": ({"attempt_retention_days": 30}, "deleted for good, and with them the fingerprints"),
    "choice": ({"challenge_choice": True}, "may leave out"),
    "another kind may be drawn": (
        {"challenges": ["blink", "light", "turn"]},
        "be asked instead: blink. Whoever can fake",
    ),
}


@pytest.fixture(autouse=True)
def environment(settings):
    settings.ENV = replace(
        settings.ENV, challenge_count=1, challenge_choice=False, required_modalities=["face", "voice"]
    )


def test_without_a_change_the_environment_holds(settings):
    settings.ENV = replace(settings.ENV, prior=0.003, gates={"flat": "off"})

    policy = current_policy()

    assert (policy.number, policy.prior, policy.gates["flat"], policy.gates["vit"]) == (0, 0.003, "off", "if_there")


def test_gates_that_nobody_named_are_as_in_the_cascade():
    policy = wiring.policy_named(wiring.LOGIN)

    assert {gate: policy.rule(gate) for gate in Gate} == {gate: DEFAULT_RULES.get(gate, Rule.REQUIRE) for gate in Gate}
    assert set(Gate) - set(policy.gates) == {Gate(gate) for gate in SHARPENING}  # missing weights do not refuse


def test_a_change_is_what_the_cascade_decides_by_at_once(change):
    change(prior=0.001, required_modalities=["voice"], gates=DEFAULT | {"voice_spoof": "require"})

    policy = wiring.policy_named(wiring.LOGIN)

    assert policy.prior == 0.001
    assert policy.required_modalities == frozenset({Modality.VOICE})
    assert (policy.rule(Gate.VOICE_SPOOF), policy.rule(Gate.FORGERY)) == (Rule.REQUIRE, Rule.ADVISE)


def test_a_change_is_what_challenges_are_drawn_by_at_once(change):
    change(challenges=["digits", "blink"], challenge_count=2, challenge_deadline_seconds=100)

    steps = draw_challenge(purpose=Purpose.LOGIN, origin="somewhere", voice=True).steps
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="x", voice=True)

    assert {step["kind"] for step in steps} == {"digits", "blink"}
    assert 100 < (ticket.expires_at - current_time(ticket)).total_seconds() < 130


def current_time(ticket):
    from apps.captures.models import CaptureTicket

    return CaptureTicket.objects.get(expires_at=ticket.expires_at).created_at


def test_what_no_change_names_goes_on_following_the_environment(change, settings):
    change(prior=0.001)
    settings.ENV = replace(settings.ENV, replay_memory=70)

    assert (current_policy().prior, current_policy().replay_memory) == (0.001, 70)
    assert PolicyVersion.objects.get().values == {"prior": 0.001}


@pytest.mark.parametrize(("field", "values"), UNSAFE.values(), ids=UNSAFE)
def test_what_is_unsafe_is_refused_whoever_confirms_it(change, field: str, values: dict):
    with pytest.raises(CosmicError) as refused:
        change(**values)

    assert refused.value.code == ErrorCode.POLICY_UNSAFE
    assert field in refused.value.fields
    assert not PolicyVersion.objects.exists()
    event = Event.objects.get(action="policy.refused")
    assert (event.result, event.reference, event.details["number"]) == ("policy_unsafe", "0", 0)
    assert REASON not in str(event.details)


@pytest.mark.parametrize(("values", "told"), WEAKER.values(), ids=WEAKER)
def test_what_weakens_is_asked_twice(change, values: dict, told: str):
    with pytest.raises(CosmicError) as asked:
        change(confirmed=False, **values)
    assert asked.value.code == ErrorCode.POLICY_WEAKER
    assert any(told in sentence for sentence in asked.value.fields["weaker"])
    assert current_policy().number == 0

    change(confirmed=True, **values)

    assert as_json(current_policy())[next(iter(values))] == next(iter(values.values()))


@pytest.mark.parametrize(
    "values",
    [
        {"prior": 0.005},
        {"challenge_count": 2},
        {"gates": DEFAULT | {"forgery": "require"}},
        {"enrolment_job_retention_days": 30},
        {"confidence_high": 0.9},
        {"prior": 0.02, "cost_false_match": 4.0},
    ],
    ids=str,
)
def test_what_makes_it_stricter_is_asked_once(change, values: dict):
    assert change(confirmed=False, **values).number == 1


def test_a_change_is_an_event_with_what_it_was_and_is(change, operator):
    version = change(prior=0.001, gates=DEFAULT | {"flat": "advise"})

    event = Event.objects.get(action="policy.changed")
    assert (event.actor_id, event.reference, event.result) == (str(operator.pk), str(version.number), "weaker")
    assert event.details == {
        "changes": {"prior": [0.01, 0.001], "gate flat": ["require", "advise"]},
        "number": 1,
    }
    assert (version.changed_by, version.reason) == ("security", REASON)


@pytest.mark.parametrize("reason", ["", "because", " " * 20, "x" * 1001], ids=["none", "short", "blank", "endless"])
def test_a_change_without_a_reason_is_refused(change, reason: str):
    with pytest.raises(CosmicError) as refused:
        change(prior=0.001, reason=reason)

    assert "reason" in refused.value.fields
    assert Event.objects.filter(action="policy.refused", result="invalid_request").count() == 1


def test_a_change_of_nothing_is_refused(change):
    with pytest.raises(CosmicError, match="invalid_request"):
        change(prior=0.01)


def test_of_two_who_looked_at_the_same_policy_the_second_is_refused(operator):
    first, second = {"prior": 0.001}, {"prior": 0.002}
    change_policy(values=first, reason=REASON, actor=operator, based_on=0)

    with pytest.raises(CosmicError) as refused:
        change_policy(values=second, reason=REASON, actor=UserFactory(), based_on=0, confirmed=True)

    assert (refused.value.code, refused.value.status) == (ErrorCode.POLICY_CHANGED_MEANWHILE, 409)
    assert current_policy().prior == 0.001
    assert Event.objects.filter(action="policy.refused", result="policy_changed_meanwhile").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_through(operator):
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time; in memory it has one connection")

    def attempt(number: int) -> str:
        try:
            change_policy(values={"prior": 0.001 * (number + 1)}, reason=REASON, actor=operator, based_on=0)
        except CosmicError as error:
            return error.code.value
        finally:
            connection.close()
        return "changed"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(attempt, range(4)))

    assert answers == ["changed", *["policy_changed_meanwhile"] * 3]
    assert PolicyVersion.objects.count() == 1


def test_going_back_is_a_change_of_its_own(change):
    change(prior=0.001)
    change(prior=0.002, replay_memory=60)

    change(**as_json(policy_at(1)))

    assert (current_policy().number, current_policy().prior, current_policy().replay_memory) == (3, 0.001, 50)
    assert PolicyVersion.objects.get(number=3).values == {"prior": 0.001}


def test_a_version_is_neither_changed_nor_removed(change):
    version = change(prior=0.001)
    version.reason = "Another story altogether."

    with pytest.raises(TypeError):
        version.save()
    with pytest.raises(TypeError):
        version.delete()


BROKEN = [
    ["prior"],
    {"prior": "low"},
    {"prior": 0.9},
    {"required_modalities": []},
    {"unknown": 1},
    {"gates": {"vit": "perhaps"}},
]
BROKEN += [5, [{}], {"gates": ["vit"]}, {"cost_false_match": 10**400}]


@pytest.mark.parametrize("values", BROKEN, ids=lambda values: str(values)[:40])
def test_a_policy_that_cannot_be_read_lets_nobody_in(values):
    PolicyVersion.objects.create(number=1, values=values, reason=REASON, changed_by="somebody")

    for ask in (
        current_policy,
        lambda: wiring.policy_named(wiring.LOGIN),
        lambda: issue_ticket(purpose=Purpose.LOGIN, bound_to="x"),
    ):
        with pytest.raises(CosmicError) as refused:
            ask()
        assert (refused.value.code, refused.value.status) == (ErrorCode.POLICY_UNREADABLE, 503)


def test_an_environment_that_turns_a_change_unsafe_lets_nobody_in(change, settings):
    change(challenge_count=2, challenges=["turn", "light"], confidence_low=0.55, confidence_high=0.6)
    settings.ENV = replace(settings.ENV, prior=0.99)

    with pytest.raises(CosmicError, match="policy_unreadable"):
        current_policy()


def test_a_policy_that_cannot_be_read_is_repaired_by_a_change_that_is_asked_twice(change):
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason=REASON, changed_by="somebody")
    with pytest.raises(CosmicError, match="policy_weaker"):
        change(confirmed=False, prior=0.001)

    change(prior=0.001)

    assert (current_policy().number, current_policy().prior) == (2, 0.001)


def test_a_repair_says_what_gets_weaker_than_the_environment(change):
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason=REASON, changed_by="somebody")

    with pytest.raises(CosmicError) as asked:
        change(confirmed=False, prior=0.02, gates={"flat": "off"})

    repair, *weaker = asked.value.fields["weaker"]
    assert "cannot be read" in repair
    assert any("less evidence" in sentence for sentence in weaker)
    assert "The gate flat falls from require to off." in weaker


def test_another_kind_where_one_may_choose_is_asked_twice_although_all_are_drawn(change, settings):
    settings.ENV = replace(settings.ENV, challenge_choice=True)
    values = {"challenges": ["blink", "light", "turn"], "challenge_count": 3}

    with pytest.raises(CosmicError) as asked:
        change(confirmed=False, **values)

    assert asked.value.fields["weaker"] == ["Another kind may be asked instead: blink. Whoever can fake it can choose."]


@pytest.mark.parametrize(("count", "before"), [(3, 1), (1, 0)], ids=["all of them are drawn", "none was asked before"])
def test_another_kind_that_takes_no_others_place_is_asked_once(change, settings, count: int, before: int):
    settings.ENV = replace(settings.ENV, challenge_count=before)

    values = {"challenges": ["blink", "light", "turn"], "challenge_count": count}

    assert change(confirmed=False, **values).number == 1


def test_a_number_beyond_all_bounds_is_refused(change):
    with pytest.raises(CosmicError, match="policy_unsafe"):
        change(cost_false_match=10**400)

    assert not PolicyVersion.objects.exists()


def test_the_policy_is_one_query(change, django_assert_num_queries):
    change(prior=0.001)

    with django_assert_num_queries(1):
        current_policy()


def test_nothing_in_the_apps_reads_past_the_policy():
    past = re.compile(rf"\bENV\.({'|'.join(NAMES)})\b")

    assert [str(path) for path in (PROJECT / "apps").rglob("*.py") if past.search(path.read_text())] == []
