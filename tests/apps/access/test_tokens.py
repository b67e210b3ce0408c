"""API tokens: limited by scope, running out, revoked, shown once, told of."""

from __future__ import annotations

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from knox.models import AuthToken
from rest_framework.views import APIView

from apps.access.models import ApiToken
from apps.access.roles import Role
from apps.access.selectors import usable_scopes
from apps.access.services.tokens import make_token, revoke_token
from apps.audit.models import Event
from apps.permissions import Scope
from tests.apps.access.pages import known
from tests.factories import PersonFactory, UserFactory, operator, token_header

pytestmark = [pytest.mark.django_db, pytest.mark.database]

JOB = "/api/v1/jobs/00000000-0000-0000-0000-000000000000"
ENROLMENT = "/api/v1/enrolments/00000000-0000-0000-0000-000000000000"
# Address, method, the scopes that open it. What an open door then says (404, 400 ...) is for other tests.
DOORS = [
    ("post", "/api/v1/captures/ticket", {Scope.VERIFY, Scope.IDENTIFY, Scope.ENROL}),
    ("post", "/api/v1/verify", {Scope.VERIFY}),
    ("post", "/identify/", {Scope.IDENTIFY}),
    ("get", JOB, {Scope.VERIFY, Scope.IDENTIFY}),
    ("post", f"{JOB}/answer", {Scope.VERIFY}),
    ("post", "/enroll/", {Scope.ENROL}),
    ("get", ENROLMENT, {Scope.ENROL}),
    ("post", "/api/v1/invitations", {Scope.ENROL}),
    ("post", "/gallery/rebuild", {Scope.GALLERY}),
    ("get", "/api/v1/gallery/builds/999", {Scope.GALLERY}),
    ("get", "/admin/stats", {Scope.STATS}),
    ("get", "/admin/logs", {Scope.AUDIT}),
    ("get", "/api/v1/messages", {Scope.MESSAGES}),
]


def api_views(patterns=None, prefix: str = "") -> dict[str, type[APIView]]:
    """Every view of the REST API by its address."""
    found: dict[str, type[APIView]] = {}
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found |= api_views(pattern.url_patterns, address)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            if isinstance(view, type) and issubclass(view, APIView):
                found[address] = view
    return found


@pytest.fixture
def boss() -> User:
    return operator(superuser=True)


def test_every_view_that_takes_tokens_says_for_which_scope():
    views = {address: view for address, view in api_views().items() if view.authentication_classes}
    scopes = {address: getattr(view, "token_scope", None) for address, view in views.items()}

    assert len(views) >= 12
    assert [address for address, scope in scopes.items() if not scope] == []
    named = {one for scope in scopes.values() for one in ({scope} if isinstance(scope, Scope) else scope)}
    assert named == set(Scope)


@pytest.mark.parametrize(("method", "address", "scopes"), DOORS, ids=[door[1] for door in DOORS])
def test_a_scope_opens_what_it_names_and_nothing_else(boss: User, method: str, address: str, scopes: set[Scope]):
    opened = set()
    for scope in Scope:
        answer = getattr(Client(), method)(address, **token_header(boss, scope))
        if answer.status_code == 403:
            assert answer.json()["error"]["code"] == "not_allowed"
        else:
            opened.add(scope)

    assert opened == scopes


def test_a_view_that_names_no_scope_takes_no_token(boss: User, monkeypatch: pytest.MonkeyPatch):
    header = token_header(boss, *Scope)
    monkeypatch.delattr(api_views()["admin/stats"], "token_scope")

    assert Client().get("/admin/stats", **header).status_code == 403


def test_a_scope_is_no_right():
    plain = UserFactory()

    header = token_header(plain, *Scope)

    assert Client().get("/admin/stats", **header).status_code == 403
    assert usable_scopes(plain) == [Scope.VERIFY, Scope.ENROL, Scope.MESSAGES]
    assert usable_scopes(operator(Role.VIEWER)) == [Scope.VERIFY, Scope.ENROL, Scope.MESSAGES, Scope.STATS]


def test_sessions_have_no_scopes(boss: User, client: Client):
    client.force_login(boss)

    assert client.get("/admin/stats").status_code == client.get("/admin/logs").status_code == 200


@pytest.mark.parametrize("address", ["/admin/", "/admin/auth/user/", "/account/", "/admin/monitor/"])
def test_a_token_opens_no_page(boss: User, address: str):
    answer = Client().get(address, **token_header(boss, *Scope))

    assert answer.status_code == 302
    assert "login" in answer["Location"]


@pytest.mark.parametrize(
    "garbage",
    ["", "x", "a" * 64, "é" * 64, "a b", "%00", "' OR 1=1 --", "0" * 10_000, "null"],
    ids=["empty", "short", "made up", "not ASCII", "two words", "percent", "SQL", "long", "null"],
)
def test_garbage_is_nobody(garbage: str):
    answer = Client().get("/admin/stats", HTTP_AUTHORIZATION=f"Token {garbage}".encode().decode("latin-1"))

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_a_token_that_ran_out_is_nobody(boss: User):
    header = token_header(boss, Scope.STATS)
    assert known(header)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))

    assert not known(header)
    assert not ApiToken.objects.exists()  # gone with the knox token


def test_a_token_with_another_end_is_nobody(boss: User):
    header = token_header(boss, Scope.STATS)
    header["HTTP_AUTHORIZATION"] = header["HTTP_AUTHORIZATION"][:-1] + "x"

    assert not known(header)


def test_a_revoked_token_is_nobody_and_the_others_go_on(boss: User):
    first, second = token_header(boss, Scope.STATS), token_header(boss, Scope.STATS)
    row = ApiToken.objects.order_by("pk").first()

    revoke_token(row=row, actor_id=boss.pk)
    revoke_token(row=row, actor_id=boss.pk)

    assert (known(first), known(second)) == (False, True)
    assert Event.objects.get(action="token.revoked").reference == str(row.pk)


def test_a_knox_token_of_which_nothing_is_known_is_nobody(boss: User):
    _, plain = AuthToken.objects.create(user=boss)

    assert not known({"HTTP_AUTHORIZATION": f"Token {plain}"})


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_token_does_no_more_than_its_account(boss: User, change: dict):
    header = token_header(boss, Scope.STATS)

    User.objects.update(**change)

    assert not known(header)


def test_only_the_digest_is_stored(boss: User):
    made = make_token(account=boss, label="siem", scopes=[Scope.AUDIT], life=timedelta(days=1), actor=boss)

    tables = ("knox_authtoken", "access_apitoken", "audit_event")
    with connection.cursor() as cursor:
        rows = [row for table in tables for row in cursor.execute(f"SELECT * FROM {table}") or cursor.fetchall()]  # noqa: S608

    assert len(rows) >= 3
    assert made.plain not in str(rows)
    assert made.plain not in repr(made)
    assert made.plain[15:] not in str(rows)  # knox keeps the first 15 characters to find it by


def test_use_is_noted_once_a_minute(boss: User):
    header = token_header(boss, Scope.STATS)
    assert ApiToken.objects.get().last_used_at is None

    known(header)
    first = ApiToken.objects.get().last_used_at
    known(header)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    known(header)

    assert ApiToken.objects.get().last_used_at > first - timedelta(minutes=1)


def test_an_erased_account_takes_its_tokens_along():
    person = PersonFactory()
    header = token_header(person.user, Scope.VERIFY)

    person.user.delete()

    assert Client().get(JOB, **header).status_code == 401
    assert not ApiToken.objects.exists()


def test_the_operators_login_gives_a_token_for_its_two_views(boss: User):
    boss.set_password("correct horse battery staple 9")
    boss.save()

    body = {"username": boss.username, "password": "correct horse battery staple 9"}
    token = Client().post("/admin/login", body, content_type="application/json").json()["token"]

    header = {"HTTP_AUTHORIZATION": f"Token {token}"}
    statuses = [Client().get(address, **header).status_code for address in ("/admin/stats", "/admin/logs", JOB)]
    assert statuses == [200, 200, 403]


def test_tokens_from_before_go_on_with_what_they_could_do(boss: User):
    plain = UserFactory()
    (_, of_boss), (_, of_plain) = (AuthToken.objects.create(user=user) for user in (boss, plain))
    kept = token_header(boss, Scope.VERIFY)

    importlib.import_module("apps.access.migrations.0002_tokens_that_exist").give_rows(apps, None)

    assert known({"HTTP_AUTHORIZATION": f"Token {of_boss}"})
    assert Client().get(JOB, HTTP_AUTHORIZATION=f"Token {of_plain}").status_code == 404
    assert not known(kept)
    assert ApiToken.objects.filter(label="made before scopes").count() == 2


def test_the_schema_names_the_token():
    schema = SchemaGenerator().get_schema(request=None, public=True)

    scheme = schema["components"]["securitySchemes"]["knoxApiToken"]
    assert (scheme["in"], scheme["name"]) == ("header", "Authorization")
    assert "`verify`" in scheme["description"]
    assert {"knoxApiToken": []} in schema["paths"]["/api/v1/verify"]["post"]["security"]
