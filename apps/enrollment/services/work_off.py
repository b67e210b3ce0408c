"""An enrolment job, worked off by the worker: each sample judged and embedded, duplicates looked for, templates stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.captures.bundle import Bundle, unpack
from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.enrollment.services.duplicates import Resemblance, resemblances
from apps.enrollment.services.invitations import end_open, use_up
from apps.errors import ErrorCode
from apps.identities import blobs
from apps.identities.gallery import StoredGallery, answering_versions
from apps.identities.models import Modality, Person
from apps.identities.services.gallery import answering_pack
from apps.identities.services.people import set_status
from apps.identities.services.templates import store_sample, store_template

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 2
MOST_KEPT = {Modality.FACE: 5, Modality.VOICE: 5}  # of one job, the best


class Embedding(Protocol):
    """What an embedded sample is to enrolment; the worker's own type fits it."""

    @property
    def vector(self) -> np.ndarray: ...

    @property
    def quality(self) -> dict[str, float]: ...

    @property
    def score(self) -> float: ...


Embed = Callable[[str, bytes], Embedding]
LogLikelihoodRatio = Callable[[str, float], float]


@dataclass(frozen=True, slots=True)
class Accepted:
    name: str
    modality: str
    content: bytes
    embedding: Embedding


def work_off(job_id: str, embed: Embed, llr: LogLikelihoodRatio) -> None:
    """Run one job. Safe to call twice: a lease lets one worker at a time do it, two attempts at most.

    Arguments:
        embed: (modality, content) to embedding; raises an exception with ``reason`` for an unusable sample.
        llr: (modality, cosine) to natural-log likelihood ratio.
    """
    job = claim_job(job_id)
    if job is None:
        return
    pack = answering_pack(settings.ENV.pack)
    accepted = _judge_samples(job, unpack(blobs.load(job.blob)), embed)
    gallery = StoredGallery(pack)
    accepted = _of_one_person(job, accepted, gallery, llr)
    if not accepted:
        finish(job, EnrolmentJob.Status.REFUSED, error_code=ErrorCode.NOTHING_USABLE)
        return
    found = resemblances(job.person, [(one.modality, one.embedding.vector) for one in accepted], gallery, llr)
    # Who sends a folder has chosen its files, and a second run must find them all known.
    chosen = accepted if job.source == EnrolmentJob.Source.FOLDER else _best(accepted)
    _store(job, chosen, found, pack)


def claim_job(job_id: str) -> EnrolmentJob | None:
    now = timezone.now()
    free = Q(status=EnrolmentJob.Status.QUEUED) | Q(status=EnrolmentJob.Status.RUNNING, lease_expires_at__lt=now)
    taken = EnrolmentJob.objects.filter(free, public_id=job_id, attempts__lt=MOST_ATTEMPTS).update(
        status=EnrolmentJob.Status.RUNNING,
        lease_expires_at=now + LEASE,
        attempts=F("attempts") + 1,
        done=0,
        refusals=[],
    )
    return EnrolmentJob.objects.select_related("person", "invitation").get(public_id=job_id) if taken else None


def finish(job: EnrolmentJob, status: str, *, error_code: str = "") -> None:
    """Write the end of a job; the content it came with is erased."""
    with transaction.atomic():
        blob, job.blob = job.blob, ""
        job.status, job.error_code, job.finished_at = status, error_code, timezone.now()
        job.save(update_fields=["status", "error_code", "finished_at", "blob", "accepted", "refusals", "done"])
        record_event(
            action="enrolment.finished",
            actor_id=job.requested_by,
            subject_id=job.person.public_id,
            result=status,
            reference=job.public_id,
            details={"accepted": job.accepted, "refused": len(job.refusals), "code": error_code},
        )
        transaction.on_commit(lambda: blobs.erase(blob))


def _judge_samples(job: EnrolmentJob, bundle: Bundle, embed: Embed) -> list[Accepted]:
    samples = [(f"picture {index + 1}", Modality.FACE, content) for index, content in enumerate(bundle.frames)]
    samples += [(f"recording {index + 1}", Modality.VOICE, content) for index, content in enumerate(bundle.recordings)]
    accepted = []
    for name, modality, content in samples:
        try:
            accepted.append(Accepted(name, modality.value, content, embed(modality.value, content)))
        except Exception as error:
            _refuse(job, name, _code_of(error))
        job.done += 1
        job.save(update_fields=["done", "refusals"])
    return accepted


def _of_one_person(
    job: EnrolmentJob, accepted: list[Accepted], gallery: StoredGallery, llr: LogLikelihoodRatio
) -> list[Accepted]:
    """Leave out samples that do not match the rest, or what the person has enrolled before."""
    import numpy as np

    kept: list[Accepted] = []
    for modality in Modality.values:
        group = [one for one in accepted if one.modality == modality]
        if not group:
            continue
        known = gallery.references(modality, [job.person_id]).get(job.person_id)
        vectors = np.stack([one.embedding.vector for one in group])
        # The sample nearest to all others stands for them: a few strangers among many do not move it.
        anchor = known if known is not None else vectors[(vectors @ vectors.T).sum(0).argmax()]
        for one, cosine in zip(group, vectors @ anchor, strict=True):
            if llr(modality, float(cosine)) < 0:
                _refuse(job, one.name, ErrorCode.NO_MATCH)
            else:
                kept.append(one)
    return kept


def _best(accepted: Sequence[Accepted]) -> list[Accepted]:
    best: list[Accepted] = []
    for modality in Modality:
        group = [one for one in accepted if one.modality == modality.value]
        best += sorted(group, key=lambda one: -one.embedding.score)[: MOST_KEPT[modality]]
    return best


@transaction.atomic
def _store(job: EnrolmentJob, chosen: list[Accepted], found: list[Resemblance], pack: str) -> None:
    # What an operator or the person has said while the samples were being judged counts.
    job.person = Person.objects.select_for_update(of=("self",)).select_related("user").get(pk=job.person_id)
    closed = job.person.status == Person.Status.SUSPENDED or not job.person.user.is_active
    if closed or not job.person.consents.filter(withdrawn_at=None).exists():
        finish(job, EnrolmentJob.Status.REFUSED, error_code=ErrorCode.CONSENT_MISSING)
        return
    if job.invitation is not None and not use_up(job.invitation):
        finish(job, EnrolmentJob.Status.REFUSED, error_code=ErrorCode.INVITATION_INVALID)
        return
    versions = {version.modality: version for version in answering_versions(pack)}
    new = 0
    for one in chosen:
        sample, is_new = store_sample(
            person=job.person,
            modality=one.modality,
            content=one.content,
            quality=one.embedding.quality,
            source=job.source,
        )
        new += is_new
        store_template(sample=sample, model_version=versions[one.modality], vector=one.embedding.vector.tolist())
    job.accepted = new
    for resemblance in found:
        DuplicateCase.objects.create(
            job=job,
            person=job.person,
            resembles_id=resemblance.person_id,
            modality=resemblance.modality,
            llr=resemblance.llr,
        )
    if found:
        if job.person.status != Person.Status.ACTIVE:
            set_status(person=job.person, status=Person.Status.IN_REVIEW, actor_id="worker")
        finish(job, EnrolmentJob.Status.IN_REVIEW, error_code=ErrorCode.POSSIBLE_DUPLICATE)
    else:
        if job.person.status == Person.Status.INVITED:
            set_status(person=job.person, status=Person.Status.ACTIVE, actor_id="worker")
        finish(job, EnrolmentJob.Status.DONE)
    if job.invitation is None:  # who enrolled in another way needs no link
        end_open(job.person.invitations.all())


def _refuse(job: EnrolmentJob, name: str, code: str) -> None:
    job.refusals.append({"file": name, "code": str(code)})


def _code_of(error: Exception) -> str:
    """An unusable sample says why; anything else is ours, and logged."""
    reason = getattr(error, "reason", None)
    if reason is None:
        log.exception("a sample could not be embedded")
        return ErrorCode.INTERNAL.value
    return reason.value
