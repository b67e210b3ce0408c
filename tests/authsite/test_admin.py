"""The operator's admin: every page opens, nothing biometric is on it, and its actions do what they say."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.models import GalleryState, Person
from tests.factories import ModelVersionFactory, UserFactory, direction, enrolled

pytestmark = pytest.mark.django_db

OURS = [model for model in admin.site._registry if model.__module__.startswith("apps.")]


@pytest.fixture
def officer(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def case() -> DuplicateCase:
    GalleryState.objects.create(pk=1, pack="builtin")
    version = ModelVersionFactory()
    known, newcomer = (enrolled(version, [direction(seed)]) for seed in (1, 2))
    Person.objects.filter(pk=newcomer.pk).update(status=Person.Status.IN_REVIEW)
    job = EnrolmentJob.objects.create(person=newcomer, source="rest", status=EnrolmentJob.Status.IN_REVIEW)
    return DuplicateCase.objects.create(job=job, person=newcomer, resembles=known, modality="face", llr=9.0)


def address(model: type, page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_opens(officer: Client, case, model: type):
    assert officer.get(address(model, "changelist")).status_code == 200


def test_an_operator_decides_a_duplicate(officer: Client, case: DuplicateCase):
    body = {"action": "different_people", "_selected_action": [case.pk]}

    assert officer.post(address(DuplicateCase, "changelist"), body).status_code == 302

    case.refresh_from_db()
    assert case.status == DuplicateCase.Status.DISTINCT
    assert case.person.status == Person.Status.ACTIVE


def test_somebody_who_may_only_look_changes_nothing(client: Client, case: DuplicateCase):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    for model, action, row in (
        (Person, "suspend", case.resembles),
        (Person, "erase", case.resembles),
        (DuplicateCase, "same_person", case),
    ):
        client.post(address(model, "changelist"), {"action": action, "_selected_action": [row.pk]})

    assert set(Person.objects.values_list("status", flat=True)) == {Person.Status.ACTIVE, Person.Status.IN_REVIEW}
    case.refresh_from_db()
    assert case.status == DuplicateCase.Status.OPEN


def test_the_admin_has_no_way_around_the_second_factor(client: Client):
    user = UserFactory(is_staff=True, is_superuser=True)
    user.set_password("correct horse battery staple 9")
    user.save()
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    body = {"username": user.username, "login": user.username, "password": "correct horse battery staple 9"}

    at_the_admin = client.post(reverse("admin:login"), body)
    at_the_login = client.post(reverse("account_login"), body)

    assert at_the_admin.status_code == 302
    assert "/accounts/login/" in at_the_admin["Location"]
    assert "/accounts/2fa/authenticate/" in at_the_login["Location"]
    assert client.get(reverse("admin:index")).status_code == 302


def test_a_plain_account_sees_no_admin(client: Client):
    client.force_login(UserFactory())

    assert client.get(reverse("admin:index")).status_code == 302


def test_no_page_shows_what_is_sealed():
    sealed = {"sealed_vector", "search_vector", "sealed_answer", "blob", "token_digest", "nonce_digest", "fingerprint"}
    for model, page in admin.site._registry.items():
        shown = set(page.get_fields(None) if page.fields else [field.name for field in model._meta.fields])
        hidden = set(page.exclude or ())
        if model in OURS:
            assert not (shown - hidden) & sealed, model
