"""Stage 4: is the posterior high enough, too low, or in between?"""

from __future__ import annotations

from worker.cascade.stage import Context
from worker.cascade.types import Reason, StageOutcome, StageResult

NAME = "confidence"


class ConfidenceStage:
    name = NAME

    def run(self, context: Context) -> StageResult:
        low, high = context.policy.confidence_low, context.policy.confidence_high
        if not context.candidates:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_REFERENCE)
        posterior = context.candidates[0].posterior
        evidence: dict[str, object] = {"posterior": round(posterior, 6), "low": low, "high": high}
        if posterior > high:
            return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)
        if posterior >= low:
            return StageResult(NAME, StageOutcome.BORDERLINE, reason=Reason.UNCERTAIN, evidence=evidence)
        # Also the way out for a posterior that is not a number.
        return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_MATCH, evidence=evidence)
