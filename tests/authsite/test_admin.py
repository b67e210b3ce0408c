"""The operator's admin: every page opens, nothing biometric is on it, and its actions do what they say."""

from __future__ import annotations

import numpy as np
import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.enrollment.models import DuplicateCase
from apps.identities.models import ModelVersion, Person
from models.evaluation.calibration import Calibrator, Logistic
from models.evaluation.figures import Interval
from models.evaluation.pav import fit_pav
from models.evaluation.record import (
    CalibrationRecord,
    Decision,
    FmrPoint,
    Measured,
    Method,
    Operating,
    TrialCounts,
)
from tests.factories import ModelVersionFactory, UserFactory

pytestmark = pytest.mark.django_db

OURS = [model for model in admin.site._registry if model.__module__.startswith("apps.")]


def address(model: type, page: str) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}")


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_list_opens(officer: Client, case, model: type):
    assert officer.get(address(model, "changelist")).status_code == 200


def measured_calibration() -> dict:
    """What ``manage.py calibrate`` would have written, with figures that no other page has."""
    genuine, impostor = np.array([2.0, 3.0, 4.0]), np.array([-3.0, -2.0, 2.5])
    interval = Interval(0.0123, 0.0345, 0.0234)
    operating = Operating(6.78, Interval(0.00051, 0.00162, 0.00104), Interval(0.0417, 0.0684, 0.0531))
    return CalibrationRecord(
        name="dlib_resnet/our own people",
        model="dlib_resnet",
        sha256="0" * 64,
        modality="face",
        score_map=Calibrator(Method.PAV, Logistic(3.0, -1.0), fit_pav(genuine, impostor)).score_map,
        fitted_on=TrialCounts(404, 521, 199_863),
        measured=Measured(
            trials=TrialCounts(403, 520, 209_040),
            eer=interval,
            cllr=interval,
            min_cllr=interval,
            decision=Decision(0.01, 10.0, 1.0, operating),
            thresholds=(FmrPoint(0.001, operating),),
        ),
        data=("webcams <2026>",),
        not_usable=1,
        enrolled=3,
        made_at="2026-11-20",
        command="manage.py calibrate --method pav",
    ).to_json()


def test_an_operator_reads_what_a_calibration_rests_on(officer: Client):
    version = ModelVersionFactory(calibration=measured_calibration())

    many = officer.get(address(ModelVersion, "changelist")).content.decode()
    one = officer.get(reverse("admin:identities_modelversion_change", args=[version.pk])).content.decode()

    for page in (many, one):
        for shown in (
            "dlib_resnet/our own people",
            "pav",
            "2026-11-20",
            "webcams &lt;2026&gt;",
            "2.34 % (1.23 % to 3.45 %)",
        ):
            assert shown in page
        assert "404 people, 521 genuine and 199,863 impostor trials" in page
    assert "FMR 0.001: FNMR 5.31 % (4.17 % to 6.84 %)" in many
    for shown in (
        "403 people",
        "6.78",
        "0.104 % (0.051 % to 0.162 %)",
        "prior 0.01, costs 10 to 1",
        "0.023 (0.012 to 0.035)",
    ):
        assert shown in one
    assert "pav_scores" not in one


def test_a_calibration_that_was_never_measured_says_so(officer: Client):
    version = ModelVersionFactory()

    page = officer.get(reverse("admin:identities_modelversion_change", args=[version.pk])).content.decode()

    assert "2 people, 2 trials" in page
    assert "not measured" in page


def test_a_model_can_only_be_looked_at(officer: Client):
    version = ModelVersionFactory(calibration=measured_calibration())
    page = reverse("admin:identities_modelversion_change", args=[version.pk])

    assert officer.post(page, {"name": "another", "figures": "none"}).status_code == 403

    version.refresh_from_db()
    assert version.name == "dlib_resnet"


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


def test_no_page_shows_what_is_sealed(rf: RequestFactory):
    request = rf.get("/")
    request.user = UserFactory.build(is_active=True, is_superuser=True)
    sealed = {
        "sealed_vector",
        "search_vector",
        "sealed_answer",
        "blob",
        "sealed",
        "token_digest",
        "nonce_digest",
        "fingerprint",
    }
    for model, page in admin.site._registry.items():
        shown = set(page.get_fields(request) if page.fields else [field.name for field in model._meta.fields])
        hidden = set(page.exclude or ())
        if model in OURS:
            assert not (shown - hidden) & sealed, model
