"""What a decision allows, used once: a session, or the step to a second factor."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities.models import Person
from apps.verification.models import Grant


@dataclass(frozen=True, slots=True)
class UsedGrant:
    person: Person
    needs_second_factor: bool


@transaction.atomic
def use_grant(*, capture_id: str, bound_to: str, address: str, purpose: str) -> UsedGrant:
    """Use the grant of a capture up.

    Raises:
        CosmicError: ``not_found`` (404) when there is none for this session and purpose, when it was used or has run out, or when
            the person may no longer log in.
    """
    try:
        public_id = uuid.UUID(capture_id)
    except ValueError as error:
        raise CosmicError(ErrorCode.NOT_FOUND, status=404) from error
    grant = (
        Grant.objects.select_related("person__user")
        .filter(
            capture__public_id=public_id,
            capture__purpose=purpose,
            bound_to=bound_to,
            expires_at__gte=timezone.now(),
            person__status=Person.Status.ACTIVE,
            person__user__is_active=True,
        )
        .first()
    )
    if grant is None or not Grant.objects.filter(pk=grant.pk, used_at=None).update(used_at=timezone.now()):
        raise CosmicError(ErrorCode.NOT_FOUND, status=404)
    record_event(
        action="grant.used",
        actor_id=grant.person.user_id,
        subject_id=grant.person.public_id,
        result="second_factor" if grant.needs_second_factor else "session",
        address=address,
        reference=capture_id,
    )
    return UsedGrant(grant.person, grant.needs_second_factor)
