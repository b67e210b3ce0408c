"""The cascade: stages in order, the first refusal ends it, and whatever goes wrong refuses."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from worker.cascade.ports import Gallery, Observe
from worker.cascade.stage import Context, Stage
from worker.cascade.stages.confidence import ConfidenceStage
from worker.cascade.stages.deepfake import DeepfakeStage
from worker.cascade.stages.embedding import EmbeddingStage
from worker.cascade.stages.fusion import FusionStage
from worker.cascade.stages.liveness import LivenessStage
from worker.cascade.types import (
    CaptureUnusable,
    ChallengeStep,
    Claim,
    FaceView,
    Modality,
    Outcome,
    Policy,
    Reason,
    Sample,
    StageOutcome,
    StageResult,
    Verdict,
)
from worker.engines.types import SAMPLE_RATE, Engines, FaceDetector

log = logging.getLogger(__name__)

MOST_FRAMES_WITH_SEVERAL = 0.1
LEAST_FRAMES_WITH_FACE = 0.5
VOICE_MARGIN = 0.5  # seconds


class Cascade:
    """Five stages over one capture. Safe to call from several threads."""

    def __init__(self, engines: Engines) -> None:
        self._detector = engines.detector
        calibrations = {
            Modality.FACE: engines.face.card.calibration,
            Modality.VOICE: engines.voice.card.calibration,
        }
        self.stages: tuple[Stage, ...] = (
            LivenessStage(engines.landmarks, engines.gates, engines.speech),
            DeepfakeStage(engines.gates),
            EmbeddingStage(engines.face, engines.voice, engines.speech),
            FusionStage(engines.fusion, calibrations),
            ConfidenceStage(),
        )

    def run(
        self,
        sample: Sample,
        claim: Claim,
        gallery: Gallery,
        policy: Policy,
        observe: Observe,
        challenge: tuple[ChallengeStep, ...] = (),
    ) -> Verdict:
        """Decide. Never raises for what a capture holds; a fault inside a stage refuses with ``internal``.

        Arguments:
            challenge: what the person was asked to do during the capture; all of it has to be seen.
            observe: told each result as it falls; what it raises is raised here.
        """
        started = time.perf_counter()
        context = Context(
            sample=within_frames(sample), claim=claim, gallery=gallery, policy=policy, challenge=challenge
        )
        results: list[StageResult] = []
        for stage in self.stages:
            result = self._run_stage(stage, context, started)
            results.append(result)
            observe(result)
            if result.outcome is StageOutcome.REFUSED:
                break
        return _verdict(context, results, milliseconds=_since(started))

    def _run_stage(self, stage: Stage, context: Context, started: float) -> StageResult:
        stage_started = time.perf_counter()
        try:
            if stage is self.stages[0]:
                context.views = find_faces(self._detector, context.sample, context.policy, started)
            result = stage.run(context)
        except CaptureUnusable as error:
            result = StageResult(stage.name, StageOutcome.REFUSED, reason=error.reason)
        except Exception:
            log.exception("stage %s failed", stage.name)
            result = StageResult(stage.name, StageOutcome.REFUSED, reason=Reason.INTERNAL)
        if _since(started) > context.policy.max_seconds * 1000:
            result = StageResult(stage.name, StageOutcome.REFUSED, reason=Reason.TIMED_OUT, evidence=result.evidence)
        return replace(result, milliseconds=round(_since(stage_started), 2))


def within_frames(sample: Sample) -> Sample:
    """The sample with the voice cut to the time that the frames cover: what is said before or after that was said by
    nobody who was seen."""
    if sample.voice is None or len(sample.frame_times) < 2:
        return sample
    begins = -sample.voice_starts - VOICE_MARGIN
    ends = sample.frame_times[-1] - sample.frame_times[0] - sample.voice_starts + VOICE_MARGIN
    first, last = (max(0, round(seconds * SAMPLE_RATE)) for seconds in (begins, ends))
    return replace(sample, voice=sample.voice[first:last], voice_starts=sample.voice_starts + first / SAMPLE_RATE)


def find_faces(detector: FaceDetector, sample: Sample, policy: Policy, started: float) -> tuple[FaceView, ...]:
    """The one face of each frame that shows one.

    Raises:
        CaptureUnusable: there are frames, but most show no face, or some show two.
    """
    views: list[FaceView] = []
    several = 0
    for index, frame in enumerate(sample.frames):
        if _since(started) > policy.max_seconds * 1000:
            raise CaptureUnusable(Reason.TIMED_OUT)
        faces = detector.detect(frame)
        if len(faces) > 1:
            several += 1
        elif faces:
            views.append(FaceView(index, faces[0]))
    if sample.frames and several > MOST_FRAMES_WITH_SEVERAL * len(sample.frames):
        raise CaptureUnusable(Reason.SEVERAL_FACES)
    if sample.frames and len(views) < LEAST_FRAMES_WITH_FACE * len(sample.frames):
        raise CaptureUnusable(Reason.NO_FACE)
    return tuple(views)


def _verdict(context: Context, results: list[StageResult], *, milliseconds: float) -> Verdict:
    last = results[-1]
    best = context.candidates[0] if context.candidates else None
    outcome = {StageOutcome.PASSED: Outcome.GRANTED, StageOutcome.BORDERLINE: Outcome.REQUIRE_2FA}.get(
        last.outcome, Outcome.DENIED
    )
    if last.stage != ConfidenceStage.name:
        outcome = Outcome.DENIED  # only the last stage can let anybody in
    recognised = best is not None and outcome is not Outcome.DENIED
    return Verdict(
        outcome=outcome,
        reason=last.reason,
        results=tuple(results),
        person_id=best.person_id if recognised and best else None,
        posterior=best.posterior if best else None,
        borderline=outcome is Outcome.REQUIRE_2FA,
        candidates=context.candidates,
        milliseconds=milliseconds,
        trace=context.trace if recognised else b"",
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
