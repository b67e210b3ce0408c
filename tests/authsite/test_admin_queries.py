"""No page of the admin asks the database more questions because there are more rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.access.models import ApiToken
from apps.access.services.tokens import make_token
from apps.audit.models import Checkpoint, DeadLetter, Event, Forwarding
from apps.audit.services.record import record_event
from apps.enrollment.models import DuplicateCase, EnrolmentJob, Invitation
from apps.identities.models import Consent, GalleryBuild, GalleryState, ModelVersion, Person
from apps.identities.services.templates import store_sample, store_template
from apps.permissions import Scope
from apps.policies.models import PolicyVersion
from apps.verification.models import AttemptLabel, Capture, Decision, StageRecord, VerdictReview
from tests.factories import ConsentFactory, ModelVersionFactory, PersonFactory, UserFactory, direction, enrolled

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 8
numbers = itertools.count(1)


def version() -> ModelVersion:
    return ModelVersionFactory(sha256=f"{next(numbers):064d}")


def person() -> Person:
    made = enrolled(version(), [direction(next(numbers))])
    more_of_person(made)
    return made


def more_of_person(made: Person) -> None:
    """One more of everything that a person's page shows."""
    ConsentFactory(person=made)
    content = f"sample {next(numbers)}".encode()
    sample, _ = store_sample(person=made, modality="face", content=content, quality={"sharpness": 9.0}, source="test")
    store_template(sample=sample, model_version=version(), vector=direction(1).tolist())
    job = EnrolmentJob.objects.create(person=made, source="rest")
    DuplicateCase.objects.create(job=job, person=made, resembles=PersonFactory(), modality="face", llr=9.0)
    capture = Capture.objects.create(purpose="login", bound_to="x", claimed=made)
    Decision.objects.create(capture=capture, outcome="GRANTED", person=made)


def attempt() -> Capture:
    capture = Capture.objects.create(purpose="login", bound_to="x", claimed=PersonFactory())
    Decision.objects.create(capture=capture, outcome="DENIED", reason="no_match", person=PersonFactory())
    AttemptLabel.objects.create(capture=capture, truth="bona_fide", labelled_by="x", subject=PersonFactory())
    VerdictReview.objects.create(capture=capture, verdict="confirmed", reviewer="1")
    more_of_attempt(capture)
    return capture


def more_of_attempt(capture: Capture) -> None:
    """Never more than one of each but the stages."""
    StageRecord.objects.create(
        capture=capture, position=next(numbers), name="liveness", outcome="passed", milliseconds=1
    )


def job() -> EnrolmentJob:
    made = EnrolmentJob.objects.create(person=PersonFactory(), source="rest")
    more_of_job(made)
    return made


def more_of_job(made: EnrolmentJob) -> None:
    made.refusals.append({"file": "picture 1", "code": "no_face"})
    made.save()
    DuplicateCase.objects.create(job=made, person=made.person, resembles=PersonFactory(), modality="face", llr=9.0)


def account() -> User:
    made = UserFactory(is_staff=True)
    more_of_account(made)
    return made


def more_of_account(made: User) -> None:
    made.groups.add(group())


def group() -> Group:
    return Group.objects.create(name=f"group {next(numbers)}")


def more_of_group(made: Group) -> None:
    UserFactory().groups.add(made)
    made.permissions.add(Permission.objects.all()[next(numbers) % 40])


def token() -> ApiToken:
    life = timedelta(days=1)
    return make_token(
        account=UserFactory(), label="test", scopes=[Scope.STATS], life=life, actor=UserFactory(is_superuser=True)
    ).row


def invitation() -> Invitation:
    return Invitation.objects.create(
        person=PersonFactory(), token_digest=f"{next(numbers):064d}", created_by="1", expires_at=timezone.now()
    )


# One row of each kind that the admin shows. A kind without a maker fails: its pages would go unseen.
MAKERS: dict[type[models.Model], Callable[[], models.Model]] = {
    ApiToken: token,
    Authenticator: lambda: Authenticator.objects.create(user=UserFactory(), type="totp", data={}),
    Capture: attempt,
    Checkpoint: lambda: Checkpoint.objects.create(sequence=next(numbers), hash="0", key="0", signature="0"),
    Consent: ConsentFactory,
    DeadLetter: lambda: DeadLetter.objects.create(first=1, last=2),
    DuplicateCase: lambda: DuplicateCase.objects.create(
        job=job(), person=PersonFactory(), resembles=PersonFactory(), modality="face", llr=9.0
    ),
    EmailAddress: lambda: EmailAddress.objects.create(user=UserFactory(), email=f"{next(numbers)}@example.org"),
    EnrolmentJob: job,
    Event: lambda: record_event(action="test", actor_id=1),
    Forwarding: lambda: Forwarding.objects.create(),
    GalleryBuild: lambda: GalleryBuild.objects.create(pack="builtin"),
    GalleryState: lambda: GalleryState.objects.create(),
    Group: group,
    Invitation: invitation,
    ModelVersion: version,
    Person: person,
    PolicyVersion: lambda: PolicyVersion.objects.create(number=next(numbers), reason="for a test", changed_by="1"),
    User: account,
}
# What grows on the page of one row.
GROWING: dict[type[models.Model], Callable] = {
    Capture: more_of_attempt,
    EnrolmentJob: more_of_job,
    Group: more_of_group,
    Person: more_of_person,
    User: more_of_account,
}
SHOWN = sorted(admin.site._registry, key=lambda model: model._meta.label)


@pytest.fixture
def officer(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def queries(officer: Client, page: str) -> list[str]:
    """What a page asks, once caches of content types and permissions are warm."""
    officer.get(page)
    with CaptureQueriesContext(connection) as seen:
        answer = officer.get(page)
    assert answer.status_code == 200, (page, answer.status_code)
    return [query["sql"] for query in seen.captured_queries]


def test_every_kind_that_is_shown_has_a_maker():
    assert {model._meta.label for model in SHOWN} <= {model._meta.label for model in MAKERS}


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_a_list_asks_no_more_for_more_rows(officer: Client, model: type[models.Model]):
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for _ in range(FEW):
        MAKERS[model]()
    few = queries(officer, page)

    for _ in range(MANY):
        MAKERS[model]()

    many = queries(officer, page)
    assert len(many) <= len(few), "\n".join(many)


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_a_page_asks_no_more_for_more_rows(officer: Client, model: type[models.Model]):
    """With more of its own rows and more of everybody else's, which a list of choices would load."""
    row = MAKERS[model]()
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk])
    grow = GROWING.get(model, lambda row: None)
    for _ in range(FEW):
        grow(row)
    few = queries(officer, page)

    for _ in range(MANY):
        grow(row)
        MAKERS[model]()

    many = queries(officer, page)
    assert len(many) <= len(few), "\n".join(many)


def test_the_erase_page_asks_no_more_for_more_rows(officer: Client):
    made = person()
    page = reverse("admin:identities_person_erase", args=[made.pk])
    few = queries(officer, page)

    for _ in range(MANY):
        more_of_person(made)

    assert len(queries(officer, page)) <= len(few)


def test_the_dashboard_asks_no_more_for_more_rows(officer: Client):
    attempt()
    person()
    few = queries(officer, reverse("admin:index"))

    for _ in range(MANY):
        attempt()
        person()
        job()

    many = queries(officer, reverse("admin:index"))
    assert len(many) <= len(few), "\n".join(many)
