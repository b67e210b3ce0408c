"""People and possible duplicates in the admin: what an operator sees of them, and what they may do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.access.models import ApiToken
from apps.access.services.tokens import make_token
from apps.audit.models import Event
from apps.enrollment.models import DuplicateCase, Invitation
from apps.enrollment.services.invitations import invite, open_invitation
from apps.errors import CosmicError
from apps.identities.models import Person
from apps.permissions import Scope
from apps.policies.models import PolicyVersion
from apps.verification.models import Capture, Decision
from tests.factories import PersonFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def address(model: type, page: str, *key: int) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=key)


def test_a_duplicate_is_decided_on_its_page_with_a_note(officer: Client, case: DuplicateCase):
    page = officer.get(address(DuplicateCase, "change", case.pk)).content.decode()
    decide = reverse("admin:enrollment_duplicatecase_decide", args=[case.pk])

    assert "<strong>9.0</strong>" in page and "Different people" in page
    officer.post(decide, {"decision": "perhaps", "note": "x"})
    assert DuplicateCase.objects.get().status == DuplicateCase.Status.OPEN
    officer.post(decide, {"decision": "same", "note": "twins do not share a tattoo"})

    case.refresh_from_db()
    assert (case.status, case.note) == (DuplicateCase.Status.SAME, "twins do not share a tattoo")
    assert case.person.status == Person.Status.SUSPENDED
    assert Event.objects.filter(action="duplicate.decided", result="same").count() == 1
    assert "Different people" not in officer.get(address(DuplicateCase, "change", case.pk)).content.decode()


def test_a_person_is_shown_with_what_is_kept(officer: Client, case: DuplicateCase):
    case.person.samples.update(quality={"sharpness": 43.0})
    capture = Capture.objects.create(purpose="login", bound_to="x", claimed=case.person)
    Decision.objects.create(capture=capture, outcome="GRANTED", person=case.person)

    many = officer.get(address(Person, "changelist"), {"q": case.person.user.username}).content.decode()
    one = officer.get(address(Person, "change", case.person.pk)).content.decode()

    assert "sharpness 43" in many
    assert str(timezone.now().year) in many
    for shown in ("sharpness 43.0", "dlib_resnet (face, pack builtin): 1", "GRANTED", str(case.resembles)):
        assert shown in one


def test_people_are_found_by_consent(officer: Client, case: DuplicateCase):
    case.person.consents.update(withdrawn_at=timezone.now())

    def found(consent: str) -> set[Person]:
        return set(officer.get(address(Person, "changelist"), {"consent": consent}).context["cl"].result_list)

    assert found("given") == {case.resembles}
    assert found("none") == {case.person}


def test_a_person_is_erased_once_the_name_is_typed(officer: Client, case: DuplicateCase):
    page = reverse("admin:identities_person_erase", args=[case.person.pk])
    by_action = {"action": "erase", "_selected_action": [case.person.pk]}

    asked = officer.post(address(Person, "changelist"), by_action)
    shown = officer.get(page).content.decode()
    wrong = officer.post(page, {"name": case.person.user.username.upper()})

    assert asked["Location"] == page
    assert "samples: 1" in shown and "templates: 1" in shown and "duplicate cases: 1" in shown
    assert "Nothing was erased" in wrong.content.decode()
    assert Person.objects.filter(pk=case.person.pk).exists()

    officer.post(page, {"name": case.person.user.username})

    assert list(Person.objects.all()) == [case.resembles]
    assert Event.objects.filter(action="person.erased", subject_id=case.person.public_id).count() == 1


def test_erasing_needs_its_own_permission(client: Client, case: DuplicateCase):
    officer = UserFactory(is_staff=True)
    officer.user_permissions.set(Permission.objects.filter(codename__in=["view_person", "change_person"]))
    client.force_login(officer)
    page = reverse("admin:identities_person_erase", args=[case.person.pk])

    assert client.post(page, {"name": case.person.user.username}).status_code == 403
    assert page not in client.get(address(Person, "change", case.person.pk)).content.decode()
    assert Person.objects.filter(pk=case.person.pk).exists()


def test_an_operator_who_may_do_more_is_not_erased(client: Client, case: DuplicateCase):
    officer = UserFactory(is_staff=True)
    officer.user_permissions.set(Permission.objects.filter(codename__in=["view_person", "erase_person"]))
    client.force_login(officer)
    type(officer).objects.filter(pk=case.person.user_id).update(is_superuser=True, is_staff=True)
    page = reverse("admin:identities_person_erase", args=[case.person.pk])

    assert client.post(page, {"name": case.person.user.username}).status_code == 403
    assert Person.objects.filter(pk=case.person.pk).exists()


def test_a_link_for_new_samples_deletes_nothing(officer: Client, case: DuplicateCase):
    Person.objects.filter(pk=case.person.pk).update(status=Person.Status.SUSPENDED)
    body = {"action": "re_enrol", "_selected_action": [case.person.pk, case.resembles.pk]}

    answer = officer.post(address(Person, "changelist"), body)

    page = answer.content.decode()
    assert page.count("/enrol/") == 1 and str(case.resembles) in page
    assert "no-store" in answer["Cache-Control"]
    assert Invitation.objects.get().person == case.resembles
    assert case.resembles.samples.count() == 1


INVITE = "/admin/enrollment/invitation/add/"


def link_in(answer) -> str:
    """The token of the only link on a page."""
    (token,) = re.findall(r"/enrol/([^/\"]+)/", answer.content.decode())
    return token


def test_somebody_new_is_invited_by_name(officer: Client):
    assert INVITE in officer.get(address(Person, "changelist")).content.decode()
    assert officer.get(INVITE).status_code == 200

    answer = officer.post(INVITE, {"username": " dora "})

    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    assert open_invitation(link_in(answer)).person.user.username == "dora"
    assert set(Event.objects.values_list("action", flat=True)) >= {"person.created", "invitation.made"}
    listed = officer.get(address(Invitation, "changelist")).content.decode()
    assert "dora" in listed and link_in(answer) not in listed


def test_an_invitation_ends_the_older_one_of_the_same_person_and_says_so(officer: Client):
    first, second = (link_in(officer.post(INVITE, {"username": "dora"})) for _ in range(2))

    with pytest.raises(CosmicError):
        open_invitation(first)
    assert open_invitation(second).person.user.username == "dora"
    assert "replaced" in officer.get(address(Invitation, "changelist")).content.decode()
    assert not Invitation.objects.exclude(used_at=None).exists()


@pytest.mark.parametrize("model", [Invitation, ApiToken, PolicyVersion])
def test_no_row_is_made_through_the_page_of_another(officer: Client, model: type):
    """Django takes ``_saveasnew`` for an addition on the page of any row; the ways of adding here ask more than a form."""
    chief = PersonFactory(user=UserFactory(is_superuser=True, is_staff=True))
    if model is Invitation:
        row, _ = invite(person=PersonFactory(), actor_id="test")
    elif model is ApiToken:
        row = make_token(account=chief.user, label="x", scopes=[Scope.VERIFY], life=timedelta(days=1), actor=None).row
    else:
        row = PolicyVersion.objects.create(number=1, reason="as good as any", changed_by="x")
    body = {
        "_saveasnew": "1",
        "person": chief.pk,
        "created_by": "1",
        "expires_at_0": "2099-01-01",
        "expires_at_1": "0:0",
    }

    answer = officer.post(address(model, "change", row.pk), body | {"label": "y", "account": chief.user.username})

    assert answer.status_code == 403
    assert list(model.objects.all()) == [row]


@pytest.mark.parametrize(
    ("name", "status", "told"),
    [
        ("", 200, "This field is required"),
        ("two words", 400, "Enter a valid username"),
        ("suspended", 400, "a link would not open"),
        ("chief", 403, "not allowed"),
        ("clerk", 409, "already taken"),
        ("closed", 400, "a link would not open"),
    ],
)
def test_whom_a_link_would_not_serve_is_not_invited(client: Client, name: str, status: int, told: str):
    PersonFactory(user__username="suspended", status=Person.Status.SUSPENDED)
    PersonFactory(user=UserFactory(username="chief", is_staff=True, is_superuser=True))
    PersonFactory(user=UserFactory(username="closed", is_active=False))
    UserFactory(username="clerk")  # an account without a person
    officer = UserFactory(is_staff=True)
    officer.user_permissions.set(Permission.objects.filter(codename__in=["view_invitation", "add_invitation"]))
    client.force_login(officer)

    answer = client.post(INVITE, {"username": name})

    assert answer.status_code == status
    assert told in answer.content.decode()
    assert not Invitation.objects.exists()


def test_inviting_needs_its_own_permission(client: Client):
    viewer = UserFactory(is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_invitation", "view_person"]))
    client.force_login(viewer)

    assert INVITE not in client.get(address(Person, "changelist")).content.decode()
    assert client.post(INVITE, {"username": "dora"}).status_code == 403
    assert not Person.objects.filter(user__username="dora").exists()


def test_the_admin_offers_no_deletion_of_people(officer: Client, case: DuplicateCase):
    body = {"action": "delete_selected", "_selected_action": [case.person.pk], "post": "yes"}

    officer.post(address(Person, "changelist"), body)

    assert officer.get(reverse("admin:identities_person_delete", args=[case.person.pk])).status_code == 403
    assert Person.objects.filter(pk=case.person.pk).exists()
