"""What the worker does when it is asked to: load by id, call the cascade or a service, record what it says.

Tasks carry ids only. Each is safe to run twice: the services hold leases and unique rows.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import shared_task
from django.db import OperationalError

from apps import dispatch
from apps.access.services import erase as token_erase
from apps.audit.services.checkpoints import make_checkpoint
from apps.audit.services.forward import forward_events
from apps.captures import bundle as bundles
from apps.enrollment.services import erase as enrolment_erase
from apps.enrollment.services import recover as enrolment_recovery
from apps.enrollment.services.work_off import work_off
from apps.identities import blobs
from apps.identities.gallery import StoredGallery
from apps.identities.services import gallery as gallery_services
from apps.messaging.services import presence, withdraw
from apps.policies.services import retention
from apps.verification.models import Capture
from apps.verification.services import answers, erase, preview, progress, recover
from apps.verification.services.decide import VerdictData, record_decision
from apps.verification.services.run import claim_capture
from models.errors import ModelMissing
from worker import readiness, wiring
from worker.cascade import preview as cascade_preview
from worker.cascade.decode import decode_image
from worker.cascade.presence import Remembered
from worker.cascade.types import CaptureUnusable, Claim, Outcome, Reason, StageResult, Verdict

__all__ = ["readiness"]

log = logging.getLogger(__name__)


@shared_task(name=dispatch.RUN_CASCADE)
def run_cascade(capture_id: str) -> None:
    """Decide one capture. A database that is locked leaves the lease to run out, and the capture is taken up again."""
    capture = claim_capture(capture_id)
    if capture is None:
        return
    try:
        verdict = verdict_on(capture)
    except OperationalError:
        raise
    except Exception:
        log.exception("capture %s failed", capture_id)
        verdict = refusal(Reason.INTERNAL)
    record_decision(capture=capture, verdict=as_data(verdict))


def verdict_on(capture: Capture) -> Verdict:
    """Run the cascade over a stored capture, telling each stage's result as it falls."""
    pack = gallery_services.answering_pack(wiring.settings.ENV.pack)
    try:
        sample = wiring.sample_from(bundles.unpack(blobs.load(capture.blob)))
        pipeline = wiring.cascade(pack)
    except CaptureUnusable as error:
        return refusal(error.reason)
    except ModelMissing:
        log.exception("models of pack %s are missing", pack)
        return refusal(Reason.MODEL_MISSING)
    results: list[StageResult] = []

    def observe(result: StageResult) -> None:
        progress.publish_stage(capture, len(results), stage_values(result))
        results.append(result)

    claim = Claim(person_id=capture.claimed_id, one_to_many=capture.one_to_many)
    if capture.ticket is None:
        raise LookupError("a capture without its ticket: nobody knows what was asked")
    challenge = wiring.challenge_from(capture.ticket.challenge)
    policy = wiring.policy_named(capture.policy)
    return pipeline.run(sample, claim, StoredGallery(pack), policy, observe, challenge)


def refusal(reason: Reason) -> Verdict:
    """A denial for a capture that never reached the first stage."""
    return Verdict(outcome=Outcome.DENIED, reason=reason, results=())


def stage_values(result: StageResult) -> dict[str, object]:
    return {
        "stage": result.stage,
        "outcome": result.outcome.value,
        "reason": result.reason.value if result.reason else "",
        "llr": result.llr,
        "evidence": result.evidence,
        "milliseconds": result.milliseconds,
    }


def as_data(verdict: Verdict) -> VerdictData:
    """The verdict in the web side's own type, which knows nothing of the cascade."""
    return VerdictData(
        outcome=verdict.outcome.value,
        reason=verdict.reason.value if verdict.reason else "",
        person_id=verdict.person_id,
        posterior=verdict.posterior,
        borderline=verdict.borderline,
        candidates=[(candidate.person_id, candidate.posterior) for candidate in verdict.candidates],
        milliseconds=verdict.milliseconds,
        trace=verdict.trace,
    )


@shared_task(name=dispatch.JUDGE_ANSWER)
def judge_answer(challenge_id: int) -> None:
    answers.judge(challenge_id)


@shared_task(name=dispatch.DESCRIBE_PREVIEW)
def describe_preview(preview_id: str) -> None:
    """Say what the system sees in one preview frame; a frame that is gone or unreadable is passed over."""
    frame = preview.take_frame(preview_id)
    if frame is None:
        return
    try:
        seen = cascade_preview.describe(decode_image(frame), wiring.engines())
    except CaptureUnusable as error:
        preview.publish(preview_id, faces=0, box=None, reasons=[error.reason.value])
        return
    preview.publish(preview_id, faces=seen.faces, box=seen.box, reasons=[reason.value for reason in seen.reasons])


@shared_task(name=dispatch.WATCH_READER)
def watch_reader(frame_id: str) -> None:
    """Say whether the reader of an open message is still there; a frame that is gone is passed over."""
    shown = presence.take_frame(frame_id)
    if shown is None:
        return
    seen, after = wiring.watch(shown.frame, shown.watched.person_id, shown.memory)
    memory = after or shown.memory  # a frame that cannot be read empties nothing
    alive = Remembered.from_bytes(memory).shows_life
    presence.note(shown, presence.Seen(seen.value), memory, alive=alive)


@shared_task(name=dispatch.RUN_ENROLMENT)
def run_enrolment(job_id: str) -> None:
    pack = gallery_services.answering_pack(wiring.settings.ENV.pack)
    work_off(job_id, wiring.embed_for_enrolment(pack), wiring.llr_for(pack))


@shared_task(name=dispatch.REBUILD_GALLERY)
def rebuild_gallery(build_id: int) -> None:
    """One batch of a rebuild; the rest goes back into the queue, so that enrolments between batches are not held up."""
    build = gallery_services.build_by_id(build_id)
    if gallery_services.rebuild_step(build_id, wiring.embed_for_enrolment(build.pack)):
        dispatch.send_task(dispatch.REBUILD_GALLERY, build_id)


@shared_task(name="worker.tasks.take_up_lost_work")
def take_up_lost_work() -> None:
    recover.take_up_lost_work()
    enrolment_recovery.take_up_lost_work()


@shared_task(name="worker.tasks.sign_audit_trail")
def sign_audit_trail() -> None:
    make_checkpoint()


@shared_task(name="worker.tasks.forward_audit_trail")
def forward_audit_trail() -> None:
    """All that waits, batch after batch, until the receiver is content or wants a pause."""
    while forward_events():
        pass


@shared_task(name="worker.tasks.delete_expired_messages")
def delete_expired_messages() -> None:
    while withdraw.delete_expired():
        pass


@shared_task(name="worker.tasks.sweep_messages")
def sweep_messages() -> None:
    withdraw.sweep()


@shared_task(name="worker.tasks.erase_expired")
def erase_expired() -> None:
    tokens = partial(retention.in_batches, "api_tokens", token_erase.erase_expired_tokens, token_erase.BATCH)
    retention.run_all(erase.erase_expired, enrolment_erase.erase_expired, retention.erase_sessions, tokens)
