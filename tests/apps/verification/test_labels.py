"""An operator looks at an attempt: why it was refused, the pictures while they are kept, and what it really was."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.captures.bundle import Bundle, pack
from apps.identities import blobs
from apps.verification.models import AttemptLabel, Capture, Decision, StageRecord
from apps.verification.selectors import labelled_attempts
from tests import media
from tests.factories import PersonFactory, UserFactory
from tests.people import portrait

pytestmark = [pytest.mark.django_db, pytest.mark.database]
GATES = {
    "picture": {"rule": "require", "passed": False, "llr": -3.2, "threshold": -1.0, "cues": {"moire": 7.25}},
    "flat": {"rule": "require", "passed": None, "why": "too little to tell", "cues": {}},
}


@pytest.fixture
def attempt() -> Capture:
    """Refused at the first stage, its two pictures still kept."""
    frames = [media.jpeg(portrait("astronaut")), media.png(portrait("guest"))]
    capture = Capture.objects.create(
        purpose="login",
        claimed=PersonFactory(),
        bound_to="somebody",
        status=Capture.Status.DONE,
        blob=blobs.store(pack(Bundle(frames=frames)), purpose="captures"),
    )
    evidence = {"gates": GATES, "failed": "picture", "blinks": 2}
    StageRecord.objects.create(
        capture=capture,
        position=0,
        name="liveness",
        outcome="refused",
        reason="not_live",
        evidence=evidence,
        milliseconds=9,
    )
    Decision.objects.create(capture=capture, outcome="DENIED", reason="not_live")
    return capture


@pytest.fixture
def officer(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def page_of(capture: Capture) -> str:
    return reverse("admin:verification_capture_change", args=[capture.pk])


def picture_of(capture: Capture, index: int) -> str:
    return reverse("admin:verification_capture_picture", args=[capture.pk, index])


def form(**label: object) -> dict[str, object]:
    """The change form as the page sends it: decision and label inlines."""
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1000}
    values = {f"{prefix}-{name}": value for prefix in ("decision", "review", "label") for name, value in empty.items()}
    values |= {"label-TOTAL_FORMS": 1, "decision-TOTAL_FORMS": 0}
    return values | {f"label-0-{name}": value for name, value in label.items()}


def test_the_page_says_why_cue_by_cue(officer: Client, attempt: Capture):
    page = officer.get(page_of(attempt)).content.decode()

    for shown in (
        "liveness",
        "not_live",
        "picture",
        "moire 7.25",
        "-3.20",
        "too little to tell",
        "The person was told",
    ):
        assert shown in page


def test_the_list_says_why(officer: Client, attempt: Capture):
    assert "not_live" in officer.get(reverse("admin:verification_capture_changelist")).content.decode()


def test_a_look_at_a_picture_is_an_event(officer: Client, attempt: Capture):
    first, second = officer.get(picture_of(attempt, 0)), officer.get(picture_of(attempt, 1))

    assert (first["Content-Type"], second["Content-Type"]) == ("image/jpeg", "image/png")
    assert second.content == media.png(portrait("guest"))
    assert Event.objects.filter(action="capture.viewed", reference=attempt.public_id).count() == 2


def test_pictures_that_are_not_there_are_not_found(officer: Client, attempt: Capture):
    assert officer.get(picture_of(attempt, 2)).status_code == 404
    blobs.erase(attempt.blob)
    assert officer.get(picture_of(attempt, 0)).status_code == 404
    Capture.objects.update(blob="")
    assert officer.get(picture_of(attempt, 0)).status_code == 404
    assert "were erased" in officer.get(page_of(attempt)).content.decode()


def test_pictures_are_for_those_who_may_look(client: Client, attempt: Capture):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_capture"))
    client.force_login(viewer)

    assert client.get(picture_of(attempt, 0)).status_code == 403
    assert "pictures/0" not in client.get(page_of(attempt)).content.decode()
    assert not Event.objects.filter(action="capture.viewed").exists()


def test_an_operator_labels_an_attempt(officer: Client, attempt: Capture):
    answer = officer.post(page_of(attempt), form(truth="attack", instrument="screen", note="a phone, seen at the edge"))

    assert answer.status_code == 302, answer.context["errors"]
    label = AttemptLabel.objects.get()
    assert (label.truth, label.instrument, label.labelled_by != "") == ("attack", "screen", True)
    assert Event.objects.get(action="attempt.labelled").result == "attack"
    (found,) = labelled_attempts()
    assert (found.instrument, found.cues["picture"]) == ("screen", {"moire": 7.25})


@pytest.mark.parametrize("wrong", [{"truth": "attack", "instrument": ""}, {"truth": "bona_fide", "instrument": "mask"}])
def test_a_label_that_contradicts_itself_is_not_taken(officer: Client, attempt: Capture, wrong: dict):
    answer = officer.post(page_of(attempt), form(**wrong))

    assert (answer.status_code, AttemptLabel.objects.count()) == (200, 0)
    assert "An attack needs its instrument" in answer.content.decode()
    with pytest.raises(IntegrityError), transaction.atomic():
        AttemptLabel.objects.create(capture=attempt, labelled_by="somebody", **wrong)


def test_whoever_may_only_look_labels_nothing(client: Client, attempt: Capture):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)

    client.post(page_of(attempt), form(truth="bona_fide"))

    assert not AttemptLabel.objects.exists()
