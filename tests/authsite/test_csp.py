"""Content-Security-Policy on every kind of page, and free text that stays text in the admin."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.contrib import admin
from django.contrib.auth import SESSION_KEY, get_user_model
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from apps.access.models import ApiToken
from apps.access.services.tokens import make_token
from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.models import Person
from apps.permissions import Scope
from apps.policies.models import PolicyVersion
from apps.verification.models import AttemptLabel, Capture, Decision, VerdictReview
from tests.factories import PersonFactory, UserFactory

pytestmark = pytest.mark.django_db

HOSTILE = "<script>hostile('x')</script>"
SHOWN = sorted(admin.site._registry, key=lambda model: model._meta.label)
CLOSED = {
    "default-src": "'self'",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "form-action": "'self'",
    "img-src": "'self' data: blob:",
}


def address(model: type, page: str, *key: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=key)


def directives(answer) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def assert_scripts_come_from_here_alone(answer) -> None:
    policy = directives(answer)
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["style-src"] == "'self' 'unsafe-inline'"
    assert CLOSED.items() <= policy.items()


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_every_list_of_the_admin_runs_no_script_that_stands_in_it(officer: Client, model: type):
    answer = officer.get(address(model, "changelist"))

    assert answer.status_code == 200
    assert_scripts_come_from_here_alone(answer)
    assert inline_scripts(answer.content.decode()) == []


@pytest.mark.parametrize(
    "page", ["/admin/", "/admin/monitor/", "/admin/policies/policyversion/add/", "/admin/nowhere/"]
)
def test_pages_beside_the_lists_are_as_strict(officer: Client, page: str):
    answer = officer.get(page)

    assert_scripts_come_from_here_alone(answer)
    assert inline_scripts(answer.content.decode()) == []


def test_whoever_is_not_in_gets_the_policy_as_well(client: Client):
    assert_scripts_come_from_here_alone(client.get("/admin/"))


@pytest.mark.parametrize("page", ["/login/", "/account/", "/administration/", "/health/live"])
def test_what_the_admin_needs_is_allowed_nowhere_else(officer: Client, page: str):
    policy = officer.get(page)["Content-Security-Policy"]

    assert "unsafe" not in policy and "nonce" not in policy
    assert "default-src 'self'" in policy


def test_the_documentation_of_the_api_runs_its_own_script_and_no_other(client: Client):
    first, second = (client.get("/api/docs/") for _ in range(2))

    nonces = [re.fullmatch(r"'self' 'nonce-([\w+/=]{20,})'", directives(one)["script-src"]) for one in (first, second)]
    assert nonces[0] and nonces[1] and nonces[0][1] != nonces[1][1]
    page = first.content.decode()
    assert inline_scripts(page) == [f'<script nonce="{nonces[0][1]}">']
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)  # nothing of it comes from elsewhere


class InlineScripts(HTMLParser):
    """Gathers what a browser would have to run out of the page itself: scripts without an address, and attributes
    with code in them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        handlers = any(name.startswith("on") for name in named)
        links = any(value.strip().lower().startswith("javascript:") for value in named.values())
        if (tag == "script" and "src" not in named) or handlers or links:
            self.found.append(self.get_starttag_text() or tag)


def inline_scripts(page: str) -> list[str]:
    reader = InlineScripts()
    reader.feed(page)
    return reader.found


def attempt(**claimed: object) -> Capture:
    capture = Capture.objects.create(purpose="login", bound_to="x", status="done", **claimed)
    Decision.objects.create(capture=capture, outcome="DENIED", reason="not_live")
    return capture


def reviewed() -> str:
    capture = attempt()
    VerdictReview.objects.create(capture=capture, verdict="rejected", note=HOSTILE, reviewer="1")
    return address(Capture, "change", capture.pk)


def labelled() -> str:
    capture = attempt()
    AttemptLabel.objects.create(capture=capture, truth="attack", instrument="print", note=HOSTILE, labelled_by=HOSTILE)
    return address(Capture, "change", capture.pk)


def token_in_the_list() -> str:
    labelled_token()
    return address(ApiToken, "changelist")


def token_on_its_page() -> str:
    return address(ApiToken, "change", labelled_token().pk)


def labelled_token() -> ApiToken:
    owner, maker = UserFactory(), UserFactory(is_superuser=True)
    return make_token(account=owner, label=HOSTILE, scopes=[Scope.STATS], life=timedelta(days=1), actor=maker).row


def refused_file() -> str:
    refusals = [{"file": HOSTILE, "code": "no_face"}]
    job = EnrolmentJob.objects.create(person=PersonFactory(), source="rest", refusals=refusals)
    return address(EnrolmentJob, "change", job.pk)


def decided_duplicate() -> str:
    job = EnrolmentJob.objects.create(person=PersonFactory(), source="rest")
    case = DuplicateCase.objects.create(
        job=job, person=job.person, resembles=PersonFactory(), modality="face", llr=9.0, status="same", note=HOSTILE
    )
    return address(DuplicateCase, "change", case.pk)


def policy_in_the_list() -> str:
    policy()
    return address(PolicyVersion, "changelist")


def policy_on_its_page() -> str:
    return address(PolicyVersion, "change", policy().pk)


def policy() -> PolicyVersion:
    return PolicyVersion.objects.create(number=1, reason=HOSTILE, changed_by="somebody")


def named() -> Person:
    """A name that no form takes, put into the database past all of them."""
    return PersonFactory(user__username=HOSTILE)


def person_in_the_list() -> str:
    named()
    return address(Person, "changelist")


def person_on_their_page() -> str:
    return address(Person, "change", named().pk)


def person_to_erase() -> str:
    return reverse("admin:identities_person_erase", args=[named().pk])


def account_in_the_list() -> str:
    named()
    return address(get_user_model(), "changelist")


def account_on_its_page() -> str:
    return address(get_user_model(), "change", named().user.pk)


def claimed_in_the_list_of_attempts() -> str:
    attempt(claimed=named())
    return address(Capture, "changelist")


def claimed_on_the_dashboard() -> str:
    attempt(claimed=named())
    return reverse("admin:index")


def searched_for() -> str:
    return f"{address(Person, 'changelist')}?q={HOSTILE}"


WRITERS: tuple[Callable[[], str], ...] = (
    reviewed,
    labelled,
    token_in_the_list,
    token_on_its_page,
    refused_file,
    decided_duplicate,
    policy_in_the_list,
    policy_on_its_page,
    person_in_the_list,
    person_on_their_page,
    person_to_erase,
    account_in_the_list,
    account_on_its_page,
    claimed_in_the_list_of_attempts,
    claimed_on_the_dashboard,
    searched_for,
)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_free_text_is_text_on_the_page_that_shows_it(officer: Client, write: Callable[[], str]):
    page = officer.get(write()).content.decode()

    assert escape(HOSTILE) in page
    assert HOSTILE not in page
    assert inline_scripts(page) == []


def test_a_made_token_shows_its_label_as_text(officer: Client):
    """On the answer to the form, which is no page of its own."""
    maker = get_user_model().objects.get(pk=officer.session[SESSION_KEY])
    form = {"account": maker.username, "label": HOSTILE, "scopes": ["stats"], "days": 1}

    page = officer.post(address(ApiToken, "add"), form).content.decode()

    assert "Copy it now" in page
    assert escape(HOSTILE) in page
    assert HOSTILE not in page


def test_no_form_takes_a_name_that_is_markup():
    account = get_user_model()(username=HOSTILE)

    with pytest.raises(ValidationError) as refused:
        account.clean_fields(exclude=["password"])

    assert list(refused.value.message_dict) == ["username"]
