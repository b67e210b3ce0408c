"""An operator says whether a decision was right. The decision itself stays."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from apps.audit.models import Event
from apps.errors import CosmicError
from apps.verification.models import Capture, Decision, VerdictReview
from apps.verification.services.review import review_verdict
from tests.factories import PersonFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
LIST = "admin:verification_capture_changelist"


def attempt(outcome: str = "DENIED", reason: str = "no_match", **values: object) -> Capture:
    values = {"purpose": "login", "bound_to": "x", "status": Capture.Status.DONE} | values
    capture = Capture.objects.create(**values)
    Decision.objects.create(capture=capture, outcome=outcome, reason=reason)
    return capture


@pytest.fixture
def reviewer(client: Client):
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_capture", "add_verdictreview"]))
    client.force_login(user)
    return user


def page_of(capture: Capture) -> str:
    return reverse("admin:verification_capture_change", args=[capture.pk])


def form(capture: Capture, **review: object) -> dict[str, object]:
    """The change form as the page sends it to whoever may review and not label."""
    old = VerdictReview.objects.filter(capture=capture).first()
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0, "MAX_NUM_FORMS": 1000}
    values = {f"{prefix}-{name}": value for prefix in ("decision", "review", "label") for name, value in empty.items()}
    values |= {"review-TOTAL_FORMS": 1, "review-INITIAL_FORMS": 1 if old else 0}
    if old:
        values |= {"review-0-id": old.pk, "review-0-capture": capture.pk}
    return values | {f"review-0-{name}": value for name, value in review.items()}


def test_a_rejection_is_noted_and_changes_no_decision(client: Client, reviewer):
    capture = attempt(claimed=PersonFactory())

    answer = client.post(page_of(capture), form(capture, verdict="rejected", note="it was her, in bad light"))

    assert answer.status_code == 302, answer.context["errors"]
    review = VerdictReview.objects.get()
    assert (review.verdict, review.note, review.reviewer) == (
        "rejected",
        "it was her, in bad light",
        str(reviewer.pk),
    )
    assert Decision.objects.get(capture=capture).outcome == "DENIED"
    event = Event.objects.get(action="attempt.reviewed")
    assert (event.result, event.reference, event.actor_id) == ("rejected", str(capture.public_id), str(reviewer.pk))
    assert event.subject_id == str(capture.claimed.public_id)
    assert "light" not in str(event.details)


def test_thinking_again_is_another_event(client: Client, reviewer):
    capture = attempt()
    review_verdict(capture=capture, verdict="confirmed", note="", actor_id="1")

    client.post(page_of(capture), form(capture, verdict="rejected", note="after all not"))

    assert VerdictReview.objects.get().verdict == "rejected"
    assert list(Event.objects.filter(action="attempt.reviewed").values_list("result", flat=True)) == [
        "rejected",
        "confirmed",
    ]


def test_a_rejection_says_why(client: Client, reviewer):
    capture = attempt()

    answer = client.post(page_of(capture), form(capture, verdict="rejected", note=" "))

    assert answer.status_code == 200
    assert "Say why" in answer.content.decode()
    with pytest.raises(CosmicError):
        review_verdict(capture=capture, verdict="rejected", note=" ", actor_id="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        VerdictReview.objects.create(capture=capture, verdict="rejected", note="", reviewer="1")
    assert not VerdictReview.objects.exists()


@pytest.mark.parametrize("verdict", ["", "granted", "CONFIRMED"])
def test_other_words_are_refused(verdict: str):
    with pytest.raises(CosmicError):
        review_verdict(capture=attempt(), verdict=verdict, note="", actor_id="1")


def test_what_is_not_decided_cannot_be_reviewed(client: Client, reviewer):
    capture = Capture.objects.create(purpose="login", bound_to="x")

    client.post(page_of(capture), form(capture, verdict="confirmed"))

    with pytest.raises(CosmicError):
        review_verdict(capture=capture, verdict="confirmed", note="", actor_id="1")
    assert not VerdictReview.objects.exists()


def test_whoever_may_only_look_reviews_nothing(client: Client, reviewer):
    reviewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    capture = attempt()

    answer = client.post(page_of(capture), form(capture, verdict="confirmed"))

    assert answer.status_code == 403
    assert not VerdictReview.objects.exists()


def test_a_reviewer_labels_nothing(client: Client, reviewer):
    capture = attempt()
    label = {"label-TOTAL_FORMS": 1, "label-0-truth": "bona_fide"}

    client.post(page_of(capture), form(capture, verdict="confirmed") | label)

    assert not hasattr(Capture.objects.get(), "label")


def listed(client: Client, **query: str) -> set[int]:
    return {capture.pk for capture in client.get(reverse(LIST), query).context["cl"].result_list}


def test_the_list_finds_what_was_not_reviewed(client: Client, reviewer):
    new, seen = attempt(), attempt()
    running = Capture.objects.create(purpose="login", bound_to="x")
    review_verdict(capture=seen, verdict="confirmed", note="", actor_id="1")

    assert listed(client, review="none") == {new.pk}
    assert listed(client, review="confirmed") == {seen.pk}
    assert listed(client, review="rejected") == set()
    assert listed(client) == {new.pk, seen.pk, running.pk}


def test_attempts_are_found_by_who_and_where(client: Client, reviewer):
    ada, bob = PersonFactory(user__username="ada"), PersonFactory(user__username="bob")
    claimed = attempt(claimed=ada)
    recognised = attempt(outcome="GRANTED", reason="", one_to_many=True)
    Decision.objects.filter(capture=recognised).update(person=ada)
    elsewhere = attempt(claimed=bob, address="2001:db8::7")

    assert listed(client, q="ada") == {claimed.pk, recognised.pk}
    assert listed(client, q=str(ada.public_id)) == {claimed.pk, recognised.pk}
    assert listed(client, q=str(elsewhere.public_id)) == {elsewhere.pk}
    assert listed(client, q="2001:db8::0007") == {elsewhere.pk}
    assert listed(client, q="nobody of that name") == set()


def test_attempts_are_found_by_day_outcome_and_reason(client: Client, reviewer):
    old, new = attempt(reason="not_live"), attempt(outcome="GRANTED", reason="")
    Capture.objects.filter(pk=old.pk).update(created_at="2026-01-31T23:59:59Z")

    assert listed(client, created_at_from="2026-01-31", created_at_to="2026-01-31") == {old.pk}
    assert listed(client, created_at_from="2026-02-01") == {new.pk}
    assert listed(client, created_at_from="2026-02-31") == {old.pk, new.pk}  # no day of any calendar
    assert listed(client, decision__outcome__exact="GRANTED") == {new.pk}
    assert listed(client, reason="not_live") == {old.pk}


def test_pages_beyond_the_bound_are_said_and_not_counted(client: Client, reviewer, monkeypatch: pytest.MonkeyPatch):
    from apps import paging

    monkeypatch.setattr(paging, "MOST", 120)
    Capture.objects.bulk_create([Capture(purpose="login", bound_to="x") for _ in range(130)])

    last = client.get(reverse(LIST), {"p": 3})

    assert len(last.context["cl"].result_list) == 20
    assert "the newest 120 captures" in last.content.decode()
    newest = list(Capture.objects.order_by("-pk").values_list("pk", flat=True)[100:120])
    assert [capture.pk for capture in last.context["cl"].result_list] == newest
