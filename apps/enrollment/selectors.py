"""What is shown of an enrolment job."""

from __future__ import annotations

import contextlib
import uuid

from apps.enrollment.models import EnrolmentJob
from apps.errors import SENTENCES, CosmicError, ErrorCode


def job_of(public_id: object) -> EnrolmentJob:
    """Raises CosmicError ``not_found``."""
    with contextlib.suppress(ValueError):
        found = EnrolmentJob.objects.select_related("person__user").filter(public_id=uuid.UUID(str(public_id))).first()
        if found is not None:
            return found
    raise CosmicError(ErrorCode.NOT_FOUND, status=404)


def job_values(job: EnrolmentJob) -> dict[str, object]:
    return {
        "id": str(job.public_id),
        "person": str(job.person.public_id),
        "status": job.status,
        "total": job.total,
        "done": job.done,
        "accepted": job.accepted,
        "refusals": [
            {"file": entry["file"], "code": entry["code"], "message": SENTENCES[ErrorCode(entry["code"])]}
            for entry in job.refusals
        ],
        "code": job.error_code,
        "message": SENTENCES[ErrorCode(job.error_code)] if job.error_code else "",
    }
