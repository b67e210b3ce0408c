"""The one-time nonce."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.captures.models import CaptureTicket, Purpose
from apps.captures.services.tickets import issue_ticket, redeem_ticket
from apps.errors import CosmicError

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def refusal(**changed: str) -> str:
    with pytest.raises(CosmicError) as refused:
        redeem_ticket(**changed)
    return refused.value.code.value


def test_a_nonce_is_good_once():
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me")

    redeem_ticket(nonce=ticket.nonce, purpose=Purpose.LOGIN, bound_to="me")

    assert refusal(nonce=ticket.nonce, purpose=Purpose.LOGIN, bound_to="me") == "nonce_used"


@pytest.mark.parametrize("changed", [{"bound_to": "somebody else"}, {"purpose": "enrol"}, {"nonce": "guessed"}])
def test_a_nonce_is_good_for_its_owner_and_purpose_only(changed: dict):
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me")
    asked = {"nonce": ticket.nonce, "purpose": Purpose.LOGIN, "bound_to": "me"}

    assert refusal(**(asked | changed)) == "nonce_unknown"


def test_a_nonce_lives_shortly(settings):
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me")
    CaptureTicket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert refusal(nonce=ticket.nonce, purpose=Purpose.LOGIN, bound_to="me") == "nonce_expired"


def test_the_database_holds_no_nonce():
    ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me")

    assert ticket.nonce not in str(list(CaptureTicket.objects.values()))
