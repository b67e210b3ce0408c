"""An enrolment comes in: consent checked, content sealed, job written, the worker told."""

from __future__ import annotations

from django.db import transaction

from apps import dispatch
from apps.audit.services.record import record_event
from apps.captures.bundle import Bundle, pack
from apps.captures.services.tickets import redeem_ticket
from apps.enrollment.models import EnrolmentJob, Invitation
from apps.enrollment.services.invitations import still_opens
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Person
from apps.identities.services.consent import require_consent

UNFINISHED = (EnrolmentJob.Status.QUEUED, EnrolmentJob.Status.RUNNING)
MOST_PAGE_FRAMES = 12


def start_enrolment(
    *,
    person: Person,
    bundle: Bundle,
    source: str,
    actor_id: object,
    invitation: Invitation | None = None,
    nonce: str | None = None,
    bound_to: str = "",
    dispatched: bool = True,
) -> EnrolmentJob:
    """Put samples on their way to becoming templates.

    Arguments:
        invitation: the link by which the samples came, which must open still.
        nonce: the capture's nonce, used up here; None for what never came over the network (folders).
        dispatched: False when the caller works the job off itself.

    Raises:
        CosmicError: ``consent_missing``, ``not_allowed`` for a suspended person, ``invitation_invalid`` (404),
            ``already_enrolled`` (409) while another job of the person is unfinished, the nonce's codes,
            ``broker_unavailable`` (the job is stored).
    """
    require_consent(person)
    if person.status == Person.Status.SUSPENDED:
        raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)
    if source == EnrolmentJob.Source.PAGE:
        bundle = thinned(bundle)
    blob = blobs.store(pack(bundle), purpose="captures")
    try:
        with transaction.atomic():
            Person.objects.select_for_update().get(pk=person.pk)
            if invitation is not None and not still_opens(invitation):
                raise CosmicError(ErrorCode.INVITATION_INVALID, status=404)
            if person.enrolments.filter(status__in=UNFINISHED).exists():
                raise CosmicError(ErrorCode.ALREADY_ENROLLED, status=409)
            if nonce is not None:
                redeem_ticket(nonce=nonce, purpose="enrol", bound_to=bound_to)
            job = EnrolmentJob.objects.create(
                person=person,
                invitation=invitation,
                source=source,
                blob=blob,
                total=len(bundle.frames) + len(bundle.recordings),
                requested_by=str(actor_id),
            )
            record_event(
                action="enrolment.requested",
                actor_id=actor_id,
                subject_id=person.public_id,
                reference=job.public_id,
                details={"source": source, "pictures": len(bundle.frames), "recordings": len(bundle.recordings)},
            )
    except Exception:
        blobs.erase(blob)
        raise
    if dispatched:
        dispatch.send_on_commit(dispatch.RUN_ENROLMENT, str(job.public_id))
    return job


def thinned(bundle: Bundle) -> Bundle:
    """At most MOST_PAGE_FRAMES of a recording's frames, evenly spread: neighbours in time show the same."""
    frames = bundle.frames
    if len(frames) <= MOST_PAGE_FRAMES:
        return bundle
    step = (len(frames) - 1) / (MOST_PAGE_FRAMES - 1)
    kept = [frames[round(index * step)] for index in range(MOST_PAGE_FRAMES)]
    return Bundle(frames=kept, voice=bundle.voice, voices=bundle.voices)
