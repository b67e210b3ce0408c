"""From a grant to a session, and what a watching stranger is shown on the way."""

from __future__ import annotations

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from apps.captures.binding import session_binding
from apps.identities.models import Person
from apps.identities.services.consent import withdraw_consent
from apps.identities.services.people import set_status
from apps.verification.models import StageRecord
from apps.verification.selectors import job_values
from apps.verification.services.decide import VerdictData, record_decision

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def complete(client: Client, person, new_capture):
    def run(outcome: str = "GRANTED"):
        client.get("/login/")
        capture = new_capture(bound_to=session_binding(client.session.session_key))
        person.questions.all().delete()
        record_decision(capture=capture, verdict=VerdictData(outcome=outcome, person_id=person.pk, posterior=0.9))
        return client.post("/login/complete", {"capture": str(capture.public_id)}, content_type="application/json")

    return run


def logged_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_granted_is_a_session(client: Client, complete):
    answer = complete()

    assert answer.json() == {"next": "/account/"}
    assert logged_in(client)


def test_a_second_factor_that_is_not_set_up_ends_it(client: Client, complete):
    answer = complete("REQUIRE_2FA")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_missing")
    assert not logged_in(client)


def test_a_second_factor_comes_before_the_session(client: Client, complete, person):
    TOTP.activate(person.user, "JBSWY3DPEHPK3PXP")

    answer = complete("REQUIRE_2FA")

    assert answer.json()["next"].startswith("/accounts/2fa/authenticate/")
    assert not logged_in(client)


def test_an_operator_does_not_come_in_by_biometrics_alone(client: Client, complete, person):
    person.user.is_staff = True
    person.user.save()

    answer = complete()

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "second_factor_missing")
    assert not logged_in(client)


def test_recovery_codes_alone_are_no_second_factor(client: Client, complete, person):
    RecoveryCodes.activate(person.user)

    assert complete("REQUIRE_2FA").status_code == 403
    assert not logged_in(client)


def test_suspension_ends_the_session_and_withdrawing_does_not_undo_it(client: Client, complete, person):
    complete()
    withdraw_consent(person=person, actor_id="test")
    set_status(person=person, status=Person.Status.SUSPENDED, actor_id="test")

    assert not logged_in(client)
    withdraw_consent(person=person, actor_id="test")
    person.refresh_from_db()
    assert person.status == Person.Status.SUSPENDED


@pytest.mark.parametrize("path", ["password/set/", "password/reset/", "email/", "signup/"])
def test_a_face_cannot_set_a_password(client: Client, complete, path: str):
    complete()

    assert client.get(f"/accounts/{path}").status_code == 404
    assert client.post(f"/accounts/{path}", {"password1": "x", "password2": "x"}).status_code == 404


def test_another_browser_cannot_use_the_grant(client: Client, person, new_capture):
    client.get("/login/")
    capture = new_capture(bound_to=session_binding("somebody else"))
    record_decision(capture=capture, verdict=VerdictData(outcome="GRANTED", person_id=person.pk))

    answer = client.post("/login/complete", {"capture": str(capture.public_id)}, content_type="application/json")

    assert answer.status_code == 404
    assert not logged_in(client)


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '{"capture": 7}', '{"capture": "x"}'])
def test_nonsense_is_refused(client: Client, body: str):
    client.get("/login/")

    answer = client.post("/login/complete", body, content_type="application/json")

    assert answer.status_code in (400, 404)


def test_a_page_from_elsewhere_cannot_post(person):
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/login/ticket")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_failed")


def test_the_last_stages_look_the_same_whether_the_name_exists_or_not(new_capture):
    known, unknown = new_capture(), new_capture()
    names = ["liveness", "deepfake", "embedding", "fusion", "confidence"]
    for capture, ran, reason in ((known, names, "no_match"), (unknown, names[:4], "no_reference")):
        for position, name in enumerate(ran):
            StageRecord.objects.create(
                capture=capture, position=position, name=name, outcome="passed", milliseconds=1 + position, evidence={}
            )
        record_decision(capture=capture, verdict=VerdictData(outcome="DENIED", reason=reason))

    shown = [job_values(capture, full=False) for capture in (known, unknown)]

    assert shown[0]["stages"] == shown[1]["stages"]
    assert shown[0]["decision"] == shown[1]["decision"]
