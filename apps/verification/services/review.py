"""What an operator thinks of a decision, afterwards. No decision changes by it."""

from __future__ import annotations

from django.db import transaction

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.verification.models import Capture, Decision, VerdictReview


@transaction.atomic
def review_verdict(
    *, capture: Capture, verdict: str, note: str, actor_id: object, address: str | None = None
) -> VerdictReview:
    """Confirm or reject the decision about a capture; a later review takes the place of an earlier one.

    Raises:
        CosmicError: ``invalid_request`` where nothing was decided yet, for another word than those of
            ``VerdictReview.Verdict``, and for a rejection that gives no reason.
    """
    decision = Decision.objects.select_related("person").filter(capture=capture).first()
    note = note.strip()
    if decision is None:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"capture": ["Nothing was decided yet."]})
    if verdict not in VerdictReview.Verdict.values:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"verdict": ["confirmed or rejected."]})
    if verdict == VerdictReview.Verdict.REJECTED and not note:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"note": ["Say why the decision was wrong."]})
    review, _ = VerdictReview.objects.update_or_create(
        capture=capture, defaults={"verdict": verdict, "note": note, "reviewer": str(actor_id)}
    )
    subject = decision.person or capture.claimed
    record_event(
        action="attempt.reviewed",
        actor_id=actor_id,
        subject_id=subject.public_id if subject else "",
        result=verdict,
        address=address,
        reference=capture.public_id,
        details={"outcome": decision.outcome, "reason": decision.reason},
    )
    return review
