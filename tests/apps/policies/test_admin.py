"""The policy's pages: who may open them, what they show, and that a weaker policy takes a second page."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.access.roles import PERMISSIONS
from apps.audit.models import Event
from apps.policies.forms import initial_of
from apps.policies.models import PolicyVersion
from apps.policies.selectors import current_policy, policy_to_change
from tests.apps.policies.conftest import REASON
from tests.apps.policies.test_operating_points import synced
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LIST = reverse("admin:policies_policyversion_changelist")
ADD = reverse("admin:policies_policyversion_add")
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?')


@pytest.fixture
def officer(client: Client, operator) -> Client:
    client.force_login(operator)
    return client


def body(**changed: object) -> dict[str, object]:
    """The form as it opens, with these fields changed."""
    policy = current_policy()
    values = initial_of(policy, based_on=policy.number) | {"reason": REASON} | changed
    return {name: value for name, value in values.items() if value is not False}


def test_the_page_shows_what_holds_and_where_from(officer: Client, change):
    change(prior=0.00123)
    change(replay_memory=77)

    page = officer.get(LIST).content.decode()

    for shown in ("0.00123", "change 1", "change 2", "environment", "gate flat", REASON, "security"):
        assert shown in page
    assert "earlier captures remembered of a person: 50 → 77" in page


def test_a_stricter_policy_takes_one_page(officer: Client):
    answer = officer.post(ADD, body(prior=0.001), REMOTE_ADDR="192.0.2.7")

    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert current_policy().prior == 0.001
    assert Event.objects.get(action="policy.changed").address == "192.0.2.7"


def test_a_weaker_policy_takes_a_second_page_that_says_what_is_lost(officer: Client):
    wanted = body(prior=0.02, challenge_choice=False, gate_flat="off", challenges=["turn", "blink"])
    second = officer.post(ADD, wanted).content.decode()
    assert "The gate flat falls from require to off." in second
    assert "light is no longer drawn" in second
    assert current_policy().number == 0
    carried: dict[str, list[str]] = {}
    for name, value in HIDDEN.findall(second):
        carried.setdefault(name, []).append(value)

    answer = officer.post(ADD, carried | {"understood": "on", "word": "WEAKEN"})

    assert answer.status_code == 302
    policy = current_policy()
    assert (policy.prior, policy.gates["flat"], policy.challenges) == (0.02, "off", ("blink", "turn"))
    assert (policy.challenge_choice, policy.second_factor_after_challenge) == (False, True)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"asked_again": "1"},
        {"asked_again": "1", "understood": "on"},
        {"asked_again": "1", "understood": "on", "word": "weaken"},
        {"asked_again": "1", "word": "WEAKEN"},
        {"understood": "on", "word": "WEAKEN"},
    ],
    ids=str,
)
def test_nothing_but_tick_and_word_confirms(officer: Client, said: dict):
    answer = officer.post(ADD, body(prior=0.02) | said)

    assert "makes the policy weaker" in answer.content.decode()
    assert current_policy().number == 0
    assert Event.objects.filter(action="policy.refused", result="policy_weaker").count() == 1


def test_an_unsafe_policy_is_refused_on_its_page_even_when_confirmed(officer: Client):
    values = body(required_modalities=[]) | {"asked_again": "1", "understood": "on", "word": "WEAKEN"}

    answer = officer.post(ADD, values)

    page = answer.content.decode()
    assert answer.status_code == 400
    assert "would not be safe" in page and "At least one of face and voice" in page
    assert not PolicyVersion.objects.exists()


@pytest.mark.parametrize("wrong", [{"prior": "nan"}, {"prior": "x"}, {"fmr": "0.5"}, {"gate_vit": "x"}, {"reason": ""}])
def test_a_form_that_makes_no_sense_changes_nothing(officer: Client, wrong: dict):
    assert officer.post(ADD, body(prior=0.001) | wrong).status_code == 200

    assert not PolicyVersion.objects.exists()


def test_who_was_overtaken_is_told(officer: Client, change):
    stale = body(prior=0.001)
    change(prior=0.002)

    answer = officer.post(ADD, stale)

    assert answer.status_code == 409
    assert "Somebody else has changed the policy meanwhile" in answer.content.decode()
    assert current_policy().prior == 0.002


def test_a_rate_is_picked_with_its_figures_in_view(officer: Client):
    synced("mimop")

    page = officer.get(ADD).content.decode()
    officer.post(ADD, body(fmr="0.001") | {"asked_again": "1", "understood": "on", "word": "WEAKEN"})

    assert "58.7 % (48.3 % to 70.1 %)" in page
    assert "too few trials (34,816 of different people)" in page
    assert 'value="0.0001"' not in page
    assert "about 0.001 in every setting" in page and "at most" not in page
    assert "asked a question instead of refused" in page
    assert current_policy().threshold == pytest.approx(4.481592801826619)


def test_the_history_says_who_changed_what_and_leads_back(officer: Client, change):
    first = change(prior=0.001)
    change(prior=0.002)

    page = officer.get(reverse("admin:policies_policyversion_change", args=[first.pk])).content.decode()
    form = officer.get(f"{ADD}?back_to=1").content.decode()

    for shown in ("security", REASON, "0.01", "0.001", "?back_to=1"):
        assert shown in page
    assert 'name="prior" value="0.001"' in form
    assert 'name="based_on" value="2"' in form


@pytest.mark.parametrize(("back_to", "status"), [("0", 200), ("9", 404), ("x", 200), ("9" * 30, 404)])
def test_back_to_what_never_was(officer: Client, back_to: str, status: int):
    assert officer.get(f"{ADD}?back_to={back_to}").status_code == status


def test_a_policy_that_cannot_be_read_says_so_and_can_be_repaired(officer: Client, operator):
    TOTP.activate(operator, "JBSWY3DPEHPK3PXP")  # no policy says that a password is enough
    PolicyVersion.objects.create(number=1, values={"prior": 5}, reason=REASON, changed_by="somebody")

    assert "cannot be read" in officer.get(LIST).content.decode()
    assert "cannot be read" in officer.get(ADD).content.decode()
    assert Client().get("/login/").status_code == 503
    repair = initial_of(policy_to_change()[0], based_on=1) | {"prior": 0.001, "reason": REASON}
    assert "cannot be read, so nobody is let in" in officer.post(ADD, repair).content.decode()
    officer.post(ADD, repair | {"asked_again": "1", "understood": "on", "word": "WEAKEN"})
    assert (current_policy().number, Client().get("/login/").status_code) == (2, 200)


def test_pages_open_whatever_the_row_holds(officer: Client, operator):
    TOTP.activate(operator, "JBSWY3DPEHPK3PXP")
    values = {"cost_false_match": 10**400}
    PolicyVersion.objects.create(number=1, values=values, reason=REASON, changed_by="somebody")

    assert [officer.get(page).status_code for page in (LIST, ADD, f"{ADD}?back_to=1")] == [200, 200, 200]
    assert "cannot be read" in officer.get(LIST).content.decode()


def test_words_of_operators_are_no_markup(officer: Client, change):
    change(prior=0.001, reason="<script>alert(1)</script>")

    assert "<script>alert(1)" not in officer.get(LIST).content.decode()


@pytest.mark.parametrize(
    ("permissions", "seen", "form"),
    [((), 403, 403), (("view_policyversion",), 200, 403), (("view_policyversion", "add_policyversion"), 200, 200)],
    ids=["none", "view", "add"],
)
def test_only_who_may_sees_and_changes(client: Client, permissions: tuple, seen: int, form: int):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)

    posted = client.post(ADD, body(prior=0.001)).status_code

    assert (client.get(LIST).status_code, client.get(ADD).status_code) == (seen, form)
    assert posted == (302 if form == 200 else 403)
    assert PolicyVersion.objects.exists() == (form == 200)


def test_no_role_holds_what_no_page_asks_for():
    held = {name for names in PERMISSIONS.values() for name in names if name.startswith("policies.")}

    assert held == {"policies.view_policyversion", "policies.add_policyversion"}


def test_a_version_is_not_edited_in_the_admin(officer: Client, change):
    version = change(prior=0.001)

    changed = officer.post(reverse("admin:policies_policyversion_change", args=[version.pk]), {"reason": "another"})
    removed = officer.post(reverse("admin:policies_policyversion_delete", args=[version.pk]), {"post": "yes"})

    assert (changed.status_code, removed.status_code) == (403, 403)
    assert PolicyVersion.objects.get().reason == REASON


@pytest.mark.parametrize(("page", "queries"), [(LIST, 8), (ADD, 6)])
def test_pages_ask_few_questions_however_long_the_history(
    officer: Client, change, django_assert_num_queries, page: str, queries: int
):
    synced("mimop")
    for number in range(15):
        change(prior=0.001 + number / 10000)

    with django_assert_num_queries(queries):
        officer.get(page)
