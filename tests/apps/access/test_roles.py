"""The roles: made from one table, and what each opens in the admin."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.access.roles import PERMISSIONS, Role, apply_roles
from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.models import GalleryState, Person
from apps.verification.models import AttemptLabel, Capture
from authsite.env import PROJECT
from tests.factories import PersonFactory, UserFactory, operator

pytestmark = [pytest.mark.django_db, pytest.mark.database]

VIEWER, ENROLMENT, SECURITY, ADMINISTRATOR = Role
EVERYBODY = frozenset(Role)
# Whose lists open, by the model's app; a single model goes before its app.
OPEN_TO = {
    "verification": EVERYBODY,
    "identities": EVERYBODY,
    "enrollment": {ENROLMENT, ADMINISTRATOR},
    "audit": {SECURITY, ADMINISTRATOR},
    "policies": {SECURITY, ADMINISTRATOR},
    "auth": {ADMINISTRATOR},
    "access": {ADMINISTRATOR},
    # allauth's own pages: superusers alone
    "account": frozenset(),
    "mfa": frozenset(),
}
PAGES = list(admin.site._registry)
NAMED = re.compile(r"\"([a-z_]+\.(?:view|add|change|delete|erase)_[a-z_]+)\"")


def permissions_of(group: Group) -> set[str]:
    rows = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{label}.{codename}" for label, codename in rows}


@pytest.fixture
def case() -> DuplicateCase:
    GalleryState.objects.create(pk=1, pack="builtin")
    known, newcomer = PersonFactory(), PersonFactory(status=Person.Status.IN_REVIEW)
    job = EnrolmentJob.objects.create(person=newcomer, source="rest", status=EnrolmentJob.Status.IN_REVIEW)
    return DuplicateCase.objects.create(job=job, person=newcomer, resembles=known, modality="face", llr=9.0)


def logged_in(*roles: Role) -> Client:
    client = Client()
    client.force_login(operator(*roles))
    return client


@pytest.mark.parametrize("role", Role)
def test_a_database_has_every_role_with_every_permission(role: Role):
    installed = {name for name in PERMISSIONS[role] if apps.is_installed(f"apps.{name.split('.')[0]}")}
    ours = installed | {name for name in PERMISSIONS[role] if name.startswith("auth.")}

    assert permissions_of(Group.objects.get(name=role.label)) == ours


def test_a_migration_puts_right_what_was_changed():
    viewer = Group.objects.get(name=VIEWER.label)
    before = permissions_of(viewer)
    viewer.permissions.set(Permission.objects.filter(codename="change_user"))
    Group.objects.filter(name=ENROLMENT.label).delete()

    call_command("migrate", verbosity=0)

    assert permissions_of(viewer) == before
    assert permissions_of(Group.objects.get(name=ENROLMENT.label)) == PERMISSIONS[ENROLMENT]


def test_a_permission_that_is_not_there_is_given_to_nobody():
    group = Group.objects.get(name=ADMINISTRATOR.label)
    before = permissions_of(group)
    Permission.objects.filter(codename="change_person").delete()

    apply_roles()

    assert permissions_of(group) == before - {"identities.change_person"}


def test_roles_grow():
    viewer, enrolment, security, administrator = (PERMISSIONS[role] for role in Role)

    assert viewer < enrolment < administrator
    assert viewer < security < administrator
    assert "verification.view_capture_pictures" not in viewer | enrolment


def test_an_administrator_has_whatever_the_code_asks_for():
    asked = {
        name
        for folder in ("apps", "authsite")
        for path in (PROJECT / folder).rglob("*.py")
        for name in NAMED.findall(path.read_text())
    }

    assert len(asked) > 20
    assert asked <= PERMISSIONS[ADMINISTRATOR]


@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_each_role_opens_its_lists_and_no_other(role: Role | None):
    client = logged_in(role) if role else Client()
    if role is None:
        client.force_login(UserFactory(is_staff=True))
    answers = {}
    for model in PAGES:
        label = model._meta.app_label
        assert label in OPEN_TO, f"say here who may see {model._meta.label}"
        address = reverse(f"admin:{label}_{model._meta.model_name}_changelist")
        answers[model._meta.label] = client.get(address).status_code

    allowed = {model._meta.label for model in PAGES if role in OPEN_TO[model._meta.app_label]}
    assert {label for label, status in answers.items() if status == 200} == allowed
    assert {status for label, status in answers.items() if label not in allowed} <= {403}


@pytest.mark.parametrize("role", Role)
def test_each_role_reaches_its_json_and_forms(role: Role):
    client = logged_in(role)
    security, governs = role in (SECURITY, ADMINISTRATOR), role == ADMINISTRATOR
    expected = {
        "/admin/": True,
        "/admin/stats": True,
        "/admin/logs": security,
        reverse("admin:auth_user_add"): governs,
        reverse("admin:access_apitoken_add"): governs,
        reverse("admin:auth_group_add"): False,
        reverse("admin:identities_person_add"): False,
    }

    found = {address: client.get(address).status_code for address in expected}

    assert found == {address: 200 if allowed else 403 for address, allowed in expected.items()}


@pytest.mark.parametrize("role", Role)
def test_each_role_suspends_erases_and_decides_what_it_may(role: Role, case: DuplicateCase):
    client = logged_in(role)

    def act(page: str, action: str, row) -> None:
        client.post(reverse(f"admin:{page}_changelist"), {"action": action, "_selected_action": [row.pk]})

    act("identities_person", "suspend", case.resembles)
    act("enrollment_duplicatecase", "different_people", case)
    suspended = Person.objects.filter(pk=case.resembles.pk, status=Person.Status.SUSPENDED).exists()
    decided = DuplicateCase.objects.filter(pk=case.pk).exclude(status=DuplicateCase.Status.OPEN).exists()
    name = case.person.user.get_username()
    client.post(reverse("admin:identities_person_erase", args=[case.person.pk]), {"name": name})
    erased = not Person.objects.filter(pk=case.person.pk).exists()

    assert (suspended, decided, erased) == {
        VIEWER: (False, False, False),
        ENROLMENT: (False, True, False),
        SECURITY: (True, False, False),
        ADMINISTRATOR: (True, True, True),
    }[role]


@pytest.mark.parametrize("role", Role)
def test_only_those_who_guard_see_pictures_and_label(role: Role):
    capture = Capture.objects.create(purpose="login", bound_to="x", status=Capture.Status.DONE)
    client = logged_in(role)
    page = reverse("admin:verification_capture_change", args=[capture.pk])
    body = {"label-TOTAL_FORMS": 1, "label-INITIAL_FORMS": 0, "label-0-truth": "attack", "label-0-instrument": "screen"}
    body |= {f"{name}-{form}_FORMS": 0 for name in ("review", "decision") for form in ("TOTAL", "INITIAL")}

    page_shows = "pictures" in client.get(page).content.decode().lower()
    picture = client.get(reverse("admin:verification_capture_picture", args=[capture.pk, 0])).status_code
    client.post(page, body)

    guards = role in (SECURITY, ADMINISTRATOR)
    assert (page_shows, picture, AttemptLabel.objects.exists()) == (guards, 404 if guards else 403, guards)


@pytest.mark.parametrize("role", Role)
def test_nobody_but_superusers_changes_a_role_itself(role: Role):
    group = Group.objects.get(name=VIEWER.label)
    client = logged_in(role)
    address = reverse("admin:auth_group_change", args=[group.pk])

    every = list(Permission.objects.values_list("pk", flat=True))
    answer = client.post(address, {"name": "Viewer", "permissions": every})

    assert answer.status_code == 403
    assert permissions_of(group) == PERMISSIONS[VIEWER]


def test_a_role_shows_what_it_may():
    page = logged_in(ADMINISTRATOR).get(
        reverse("admin:auth_group_change", args=[Group.objects.get(name=SECURITY.label).pk])
    )

    assert "Can look at the pictures of a capture" in page.content.decode()
