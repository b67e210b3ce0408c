"""Stage 4: is the posterior high enough, too low, or in between? And is this an earlier capture of the person, again?"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from models.liveness.replay import Trace, compare_traces, trace_of
from worker.cascade.crops import grey_crop
from worker.cascade.gates import GateLog
from worker.cascade.stage import Context
from worker.cascade.types import Gate, Modality, Reason, Rule, StageOutcome, StageResult
from worker.engines.types import RuleReading

log = logging.getLogger(__name__)

NAME = "confidence"
FINGERPRINT_SIZE = 128


class ConfidenceStage:
    name = NAME

    def run(self, context: Context) -> StageResult:
        low, high = context.policy.confidence_low, context.policy.confidence_high
        if not context.candidates:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_REFERENCE)
        best = context.candidates[0]
        evidence: dict[str, object] = {"posterior": round(best.posterior, 6), "low": low, "high": high}
        # Written so that a posterior that is not a number ends here as well.
        if not best.posterior >= low:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_MATCH, evidence=evidence)
        if context.policy.rule(Gate.REPLAY) is not Rule.OFF:
            log = GateLog(context.policy)
            log.ask(Gate.REPLAY, lambda: _replay(context, best.person_id))
            evidence["gates"] = log.values
            if log.refused is not None:
                reason = log.refused[1]
                return StageResult(NAME, StageOutcome.REFUSED, reason=reason, evidence=evidence | {"failed": "replay"})
        if best.posterior > high:
            return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)
        return StageResult(NAME, StageOutcome.BORDERLINE, reason=Reason.UNCERTAIN, evidence=evidence)


def _replay(context: Context, person_id: int) -> RuleReading:
    """Hold the capture against what is remembered of the person's earlier ones; notes its own trace."""
    frames = context.sample.frames
    trace = trace_of(
        [grey_crop(frames[view.frame], view.face, sides=1.0, size=FINGERPRINT_SIZE) for view in context.views],
        context.probes.get(Modality.FACE),
        context.probes.get(Modality.VOICE),
        context.sample.voice,
    )
    context.trace = trace.to_bytes()
    reading = compare_traces(trace, list(_readable(context.gallery.traces(person_id))))
    cues = {name: value for name, value in asdict(reading).items() if isinstance(value, float)}
    return RuleReading("replay", "replayed" if reading.replayed else "", cues)


def _readable(traces: Sequence[bytes]) -> Iterator[Trace]:
    """Traces of this version; others say nothing any more, and must not shut a person out."""
    for packed in traces:
        try:
            yield Trace.from_bytes(packed)
        except ValueError as error:
            log.warning("a trace was passed over: %s", error)
