"""The operator's dashboard, as a page and as JSON, and the way in for programs."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.audit.models import Event
from apps.enrollment.models import EnrolmentJob
from apps.identities.models import GalleryState
from apps.verification.models import Capture, Decision, StageRecord
from tests.factories import ModelVersionFactory, PersonFactory, UserFactory, direction, enrolled

pytestmark = [pytest.mark.django_db, pytest.mark.database]
PASSWORD = "correct horse battery staple 9"
SECRET = "JBSWY3DPEHPK3PXP"
COUNTS = dict.fromkeys(("liveness", "deepfake", "embedding", "fusion", "confidence"), 0)


@pytest.fixture
def attempts() -> None:
    person = enrolled(ModelVersionFactory(), [direction(1)])
    for outcome, stage, reason in (
        ("GRANTED", "", ""),
        ("DENIED", "liveness", "not_live"),
        ("DENIED", "liveness", "no_blink"),
        ("DENIED", "confidence", "no_match"),
    ):
        capture = Capture.objects.create(purpose="login", claimed=person, bound_to="x", status=Capture.Status.DONE)
        Decision.objects.create(capture=capture, outcome=outcome, reason=reason)
        if stage:
            StageRecord.objects.create(
                capture=capture, position=0, name=stage, outcome="refused", reason=reason, milliseconds=1
            )


@pytest.fixture
def operator():
    user = UserFactory(username="officer", is_staff=True, is_superuser=True)
    user.set_password(PASSWORD)
    user.save()
    return user


def login(client: Client, **values: str):
    return client.post("/admin/login", values, content_type="application/json")


def token(client: Client, **values: str) -> dict[str, str]:
    answer = login(client, username="officer", password=PASSWORD, **values)
    assert answer.status_code == 200, answer.content
    return {"HTTP_AUTHORIZATION": f"Token {answer.json()['token']}"}


def code() -> str:
    """The code of now, with at least three seconds to live."""
    if time.time() % 30 > 27:
        time.sleep(3)
    return format_hotp_value(hotp_value(SECRET, next(iter(yield_hotp_counters_from_time()))))


def test_the_page_shows_what_happened(client: Client, operator, attempts):
    EnrolmentJob.objects.create(person=PersonFactory(), source="page")
    client.force_login(operator)

    page = client.get("/admin/").content.decode()

    for shown in (
        "Attempts of the last 14 days",
        "none ready",
        "not_live",
        "liveness",
        "dlib_resnet",
        "3 were refused (75 %)",
        "oldest enrolment: ",
    ):
        assert shown in page


def test_statistics_are_counted(client: Client, operator, attempts):
    values = client.get("/admin/stats", **token(client)).json()

    assert values["attempts"][-1] | {"day": ""} == {"day": "", "GRANTED": 1, "REQUIRE_2FA": 0, "DENIED": 3}
    assert len(values["attempts"]) == 14
    assert values["refused_by_stage"][0] == {"name": "liveness", "count": 2}
    assert {row["reason"] for row in values["refused_by_reason"]} == {"not_live", "no_blink", "no_match"}
    assert {row["reason"] for row in values["refused_by_gates"]} == {"not_live", "no_blink"}
    seen = values["non_match_as_seen"]
    assert (seen["attempts"], seen["denied"], seen["share"]) == (4, 3, 0.75)
    assert [(day["attempts"], day["denied"]) for day in seen["by_day"]] == [(4, 3)]
    assert values["gallery"]["templates"] == [{"pack": "builtin", "model": "dlib_resnet", "count": 1}]
    assert values["queues"]["waiting"] == {"captures": 0, "previews": 0, "enrolments": 0}


def test_time_in_the_cascade_is_that_of_the_last_day(client: Client, operator, attempts):
    for spent, decision in zip((100.0, 200.0, 300.0), Decision.objects.order_by("pk"), strict=False):
        Decision.objects.filter(pk=decision.pk).update(milliseconds=spent)
    Decision.objects.filter(milliseconds=300.0).update(at=timezone.now() - timedelta(days=2))

    client.force_login(operator)

    assert client.get("/admin/stats").json()["cascade_milliseconds"] == {"decisions": 2, "median": 200, "p95": 200}


def test_refusals_are_counted_by_day_and_stage(client: Client, operator, attempts):
    """Of the fixture's captures the first is of long ago, the second of yesterday, the others of today."""
    today = timezone.now()
    yesterday = today - timedelta(days=1)
    first, second, *_ = Capture.objects.order_by("pk")
    Capture.objects.filter(pk=first.pk).update(created_at=today - timedelta(days=40))
    Capture.objects.filter(pk=second.pk).update(created_at=yesterday)
    StageRecord.objects.create(capture=first, position=0, name="fusion", outcome="refused", milliseconds=1)
    client.force_login(operator)

    days = client.get("/admin/stats").json()["refusals"]

    assert len(days) == 14
    assert [day["day"] for day in days] == sorted(day["day"] for day in days)
    assert days[-1] == {"day": today.date().isoformat()} | COUNTS | {"liveness": 1, "confidence": 1}
    assert days[-2] == {"day": yesterday.date().isoformat()} | COUNTS | {"liveness": 1}
    assert all(set(day.values()) - {day["day"]} == {0} for day in days[:-2])


def test_models_that_answer_are_named_with_their_calibration(client: Client, operator):
    made = (timezone.now() - timedelta(days=3)).date().isoformat()
    GalleryState.objects.create(pk=1, pack="edgeface")
    ModelVersionFactory(pack="builtin", name="not_this_one")
    ModelVersionFactory(pack="edgeface", name="edgeface_xs", calibration={"name": "edgeface/lfw", "made_at": made})
    ModelVersionFactory(pack="edgeface", name="older", calibration={"name": "of 1.0", "slope": 1.0})
    client.force_login(operator)

    found = {row["model"]: row for row in client.get("/admin/stats").json()["models"]}

    assert set(found) == {"edgeface_xs", "older"}
    assert (found["edgeface_xs"]["calibration"], found["edgeface_xs"]["age_days"]) == ("edgeface/lfw", 3)
    assert found["older"]["age_days"] is None


def test_workers_are_listed_with_their_age(client: Client, operator):
    cache.set("worker:ready:one@host", time.time() - 4, 60)
    cache.set("worker:loaded:one@host", {"pack": "builtin", "missing": ["minifasnet", "vit"]}, 60)
    client.force_login(operator)

    (seen,) = client.get("/admin/stats").json()["workers"]["seen"]

    assert seen["worker"] == "one@host"
    assert 4 <= seen["seconds_since_seen"] < 60
    assert (seen["pack"], seen["missing"]) == ("builtin", ["minifasnet", "vit"])
    assert "not at hand: minifasnet, vit" in client.get("/admin/").content.decode()


def test_pictures_of_refused_attempts_wait_until_they_are_asked_for(client: Client, operator, attempts):
    capture = Capture.objects.filter(decision__outcome="DENIED").latest("pk")
    Capture.objects.filter(pk=capture.pk).update(blob="captures/kept")
    address = f"/admin/verification/capture/{capture.pk}/pictures/0/"
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_capture"))

    client.force_login(operator)
    page = client.get("/admin/").content.decode()
    client.force_login(viewer)
    without = client.get("/admin/").content.decode()

    assert page.count("/pictures/0/") == 1  # the others were erased
    folded = page[page.index('id="refused-pictures"') :].partition("</details>")[0]
    assert "Show pictures of 1" in folded
    assert f'src="{address}"' in folded and 'loading="lazy"' in folded
    assert "/pictures/0/" not in without
    assert not Event.objects.filter(action="capture.viewed").exists()


def test_the_sidebar_shows_what_the_role_opens(client: Client, operator):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_capture"))

    def titles() -> dict[str, list[str]]:
        sections = client.get("/admin/").context["sidebar_navigation"]
        return {section["title"]: [item["title"] for item in section["items"]] for section in sections}

    client.force_login(operator)
    everything = titles()
    client.force_login(viewer)

    assert titles() == {"Work": ["Dashboard", "Attempts"]}
    assert list(everything) == ["Work", "Trail", "Setup"]
    assert "Live monitor" in everything["Work"]


def test_every_entry_of_the_sidebar_opens(client: Client, operator):
    client.force_login(operator)

    for section in client.get("/admin/").context["sidebar_navigation"]:
        for item in section["items"]:
            assert client.get(item["link"]).status_code == 200, item


def test_an_empty_system_has_a_dashboard(client: Client, operator):
    client.force_login(operator)

    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/stats").json()["non_match_as_seen"]["share"] is None


def test_the_dashboard_asks_few_questions_however_many_attempts(
    client: Client, operator, attempts, django_assert_max_num_queries
):
    client.force_login(operator)
    person = PersonFactory()
    for _ in range(30):
        capture = Capture.objects.create(purpose="login", claimed=person, bound_to="x")
        Decision.objects.create(capture=capture, outcome="DENIED", reason="no_match")

    with django_assert_max_num_queries(21):
        client.get("/admin/")


def test_logs_are_paged_newest_first(client: Client, operator):
    header = token(client)
    for _ in range(5):
        token(client)

    first = client.get("/admin/logs?limit=4&action=operator.", **header).json()
    second = client.get(f"/admin/logs?limit=4&action=operator.&before={first['next']}", **header).json()

    numbers = [event["sequence"] for event in first["events"] + second["events"]]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == 6
    assert Event.objects.filter(action="audit.read").count() == 2
    assert second["next"] == Event.objects.filter(action="operator.login").last().sequence


@pytest.mark.parametrize("wrong", ["limit=-1", "before=x", "limit=1e9"])
def test_pages_that_are_none_are_refused(client: Client, operator, wrong: str):
    assert client.get(f"/admin/logs?{wrong}", **token(client)).json()["error"]["code"] == "invalid_request"


def test_a_token_runs_out(client: Client, operator):
    from knox.models import AuthToken

    token(client)

    instance = AuthToken.objects.get()
    assert 11 < (instance.expiry - instance.created).total_seconds() / 3600 <= 12.1


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"username": "nobody"}, {"password": ""}, {"username": "plain"}],
    ids=["password", "name", "empty", "no operator"],
)
def test_the_wrong_ones_get_one_answer(client: Client, operator, wrong: dict):
    plain = UserFactory(username="plain")
    plain.set_password(PASSWORD)
    plain.save()

    answer = login(client, **({"username": "officer", "password": PASSWORD} | wrong))

    told = Event.objects.filter(action="operator.login").values_list("subject_id", "details")
    known = {"officer": str(operator.pk), "plain": str(plain.pk)}.get(wrong.get("username", "officer"), "")
    because = {"nobody": "name", "plain": "no_operator"}.get(wrong.get("username", ""), "password")
    assert list(told) in ([], [(known, {"because": because})])  # an empty password is not tried at all

    assert answer.status_code in {400, 401}
    assert "token" not in answer.json()


def test_an_account_with_a_second_factor_needs_it(client: Client, operator):
    TOTP.activate(operator, SECRET)

    assert login(client, username="officer", password=PASSWORD).status_code == 401
    assert login(client, username="officer", password=PASSWORD, code="000000").status_code == 401
    used = code()
    assert token(client, code=used)
    assert login(client, username="officer", password=PASSWORD, code=used).status_code == 401  # once only


def test_guessing_is_slowed_down(client: Client, operator):
    answers = [login(client, username="officer", password=f"guess {number}").status_code for number in range(7)]

    assert answers[-1] == 429
    assert login(client, username="officer", password=PASSWORD).status_code == 429
    assert Event.objects.filter(action="operator.login", result="refused").count() == answers.count(401)


@pytest.mark.parametrize("address", ["/admin/stats", "/admin/logs"])
def test_those_who_may_not_see_get_nothing(client: Client, address: str):
    assert client.get(address).status_code in {401, 403}
    viewer = UserFactory(is_staff=True)
    client.force_login(viewer)
    assert client.get(address).status_code == 403
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_capture", "view_event"]))
    client.force_login(viewer)
    assert client.get(address).status_code == 200
