"""Consent to the storing of biometrics: given, shown, withdrawn."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Consent, Person
from apps.identities.services.templates import touch_gallery
from apps.identities.signals import forgetting

VERSION = "2026-11"
WORDING = (
    "I agree that COSMIC stores pictures of my face and recordings of my voice, encrypted, and mathematical templates "
    "made from them, to recognise me when I log in. I can withdraw this at any time on my account page; everything "
    "biometric is then deleted."
)


def record_consent(*, person: Person, actor_id: object) -> Consent:
    """Note that the person agreed to the present wording."""
    consent = Consent.objects.create(person=person, version=VERSION, recorded_by=str(actor_id))
    record_event(action="consent.given", actor_id=actor_id, subject_id=person.public_id, details={"version": VERSION})
    return consent


def require_consent(person: Person) -> None:
    """Raises CosmicError ``consent_missing`` (403) when the person has not agreed, or no longer agrees."""
    if not person.consents.filter(withdrawn_at=None).exists():
        raise CosmicError(ErrorCode.CONSENT_MISSING, status=403)


def withdraw_consent(*, person: Person, actor_id: object) -> None:
    """End the consent and delete every sample and template of the person."""
    with transaction.atomic():
        person.consents.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())
        forgetting.send(Person, person=person)
        names = list(person.samples.values_list("blob", flat=True))
        person.samples.all().delete()  # templates go with their samples
        person.questions.all().delete()
        person.traces.all().delete()
        # Suspended stays suspended, and a case under review stays one: withdrawing must not undo an operator's word.
        Person.objects.filter(pk=person.pk, status=Person.Status.ACTIVE).update(status=Person.Status.INVITED)
        person.refresh_from_db(fields=["status"])
        touch_gallery()
        record_event(action="consent.withdrawn", actor_id=actor_id, subject_id=person.public_id)
        transaction.on_commit(lambda: blobs.erase_all(names))
