"""Stage 2: the probes. The best frames of the face, and the speech of the voice, as unit vectors."""

from __future__ import annotations

import numpy as np

from worker.cascade.draw import DRAW, stretches
from worker.cascade.quality import Quality, face_quality, speech_only, voice_quality
from worker.cascade.stage import Context
from worker.cascade.types import CaptureUnusable, FaceView, Modality, Reason, StageOutcome, StageResult
from worker.engines.types import FaceEmbedder, SpeechActivity, Vector, VoiceEmbedder

NAME = "embedding"
FRAMES = 3
ACTED_FRAMES = 4  # of each step of a challenge
# Closed eyes change an embedding a little, so this asks for less than a match.
LEAST_BLINK_LLR = -3.0


class EmbeddingStage:
    name = NAME

    def __init__(self, face: FaceEmbedder, voice: VoiceEmbedder, speech: SpeechActivity) -> None:
        self._face = face
        self._voice = voice
        self._speech = speech

    def run(self, context: Context) -> StageResult:
        evidence: dict[str, object] = {}
        unusable: dict[Modality, Reason] = {}
        for modality, given, embed in (
            (Modality.FACE, bool(context.sample.frames), self._embed_face),
            (Modality.VOICE, context.sample.voice is not None, self._embed_voice),
        ):
            if not given:
                unusable[modality] = Reason.MODALITY_MISSING
                continue
            try:
                evidence[modality.value] = embed(context)
            except CaptureUnusable as error:
                unusable[modality] = error.reason
                evidence[modality.value] = {"unusable": error.reason.value}
        refused = set(context.policy.required_modalities)
        # Whoever did what was asked must be tied to who is compared, also where policy compares voices alone.
        if context.acted or unusable.get(Modality.FACE) is Reason.NOT_LIVE:
            refused.add(Modality.FACE)
        for modality in sorted(refused & set(unusable)):
            return StageResult(NAME, StageOutcome.REFUSED, reason=unusable[modality], evidence=evidence)
        if not context.probes:
            return StageResult(NAME, StageOutcome.REFUSED, reason=_first(unusable), evidence=evidence)
        return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)

    def _embed_face(self, context: Context) -> dict[str, object]:
        frames = context.sample.frames
        judged = [(face_quality(frames[view.frame], view.face), view) for view in context.views]
        good = sorted((pair for pair in judged if not pair[0].reasons), key=lambda pair: -pair[0].score)
        if not good:
            raise CaptureUnusable(_commonest(judged))
        chosen = _apart(good)
        vectors = np.stack([self._face.embed(frames[view.frame], view.face) for _, view in chosen])
        agreement = float((vectors @ vectors.T).min())
        if self._face.card.calibration.llr(agreement) < 0:
            raise CaptureUnusable(Reason.NOT_LIVE)
        probe = _mean(vectors)
        blinked = self._agreement_of_blink(context, probe)
        quality_of = {view.frame: quality for quality, view in judged}
        acted = [
            self._agreement_of_step(context, [(quality_of[view.frame], view) for view in step], probe)
            for step in context.acted
        ]
        context.probes[Modality.FACE] = probe
        context.qualities[Modality.FACE] = float(np.mean([quality.score for quality, _ in chosen]))
        return {
            "model": self._face.card.name,
            "frames": [view.frame for _, view in chosen],
            "agreement": round(agreement, 4),
            "blink_agreement": blinked,
            "challenge_agreement": acted,
            "quality": round(context.qualities[Modality.FACE], 3),
            "measures": chosen[0][0].measures,
        }

    def _agreement_of_blink(self, context: Context, probe: Vector) -> float | None:
        """Cosine of the frame with closed eyes to the probe: the face that blinked has to be the face that is compared.

        Raises:
            CaptureUnusable: it is another face, as when a photograph is spliced between frames of somebody who blinks.
        """
        view = context.blinking
        if view is None:
            return None
        cosine = float(probe @ self._face.embed(context.sample.frames[view.frame], view.face))
        if self._face.card.calibration.llr(cosine) < LEAST_BLINK_LLR:
            raise CaptureUnusable(Reason.NOT_LIVE)
        return round(cosine, 4)

    def _agreement_of_step(self, context: Context, judged: list[tuple[Quality, FaceView]], probe: Vector) -> float:
        """Lowest cosine of frames of one step, drawn at random, to the probe: whoever did what was asked has to be who is
        compared. Turned faces change an embedding too, so this asks for less than a match.

        Raises:
            CaptureUnusable: it is somebody else, or no face in the step's time is good enough to tell.
        """
        frames = context.sample.frames
        clear = [view for quality, view in judged if set(quality.reasons) <= {Reason.FACE_TURNED}]
        if len(clear) < ACTED_FRAMES:
            raise CaptureUnusable(_commonest(judged))
        drawn = [DRAW.choice(stretch) for stretch in stretches(clear, ACTED_FRAMES)]
        cosine = min(float(probe @ self._face.embed(frames[view.frame], view.face)) for view in drawn)
        if not self._face.card.calibration.llr(cosine) >= LEAST_BLINK_LLR:
            raise CaptureUnusable(Reason.NOT_LIVE)
        return round(cosine, 4)

    def _embed_voice(self, context: Context) -> dict[str, object]:
        voice = context.sample.voice
        if voice is None:
            raise CaptureUnusable(Reason.MODALITY_MISSING)
        segments = context.speech if context.speech is not None else self._speech.segments(voice)
        quality = voice_quality(voice, segments)
        if quality.reasons:
            raise CaptureUnusable(quality.reasons[0])
        context.probes[Modality.VOICE] = self._voice.embed(speech_only(voice, segments))
        context.qualities[Modality.VOICE] = quality.score
        return {"model": self._voice.card.name, "quality": round(quality.score, 3), "measures": quality.measures}


def _apart(good: list[tuple[Quality, FaceView]]) -> list[tuple[Quality, FaceView]]:
    """One usable frame of the first, the middle and the last third, drawn from the better half of each: all of the time
    is compared, and nobody knows beforehand which frames."""
    in_time = sorted(good, key=lambda pair: pair[1].frame)
    ranked = [sorted(third, key=lambda pair: -pair[0].score) for third in stretches(in_time, FRAMES)]
    return [DRAW.choice(third[: max(1, len(third) // 2)]) for third in ranked]


def _commonest(judged: list[tuple[Quality, FaceView]]) -> Reason:
    reasons = [quality.reasons[0] for quality, _ in judged if quality.reasons]
    return max(set(reasons), key=reasons.count) if reasons else Reason.NO_FACE


def _first(unusable: dict[Modality, Reason]) -> Reason:
    """What to tell somebody whose capture holds nothing usable: what is wrong with what they gave."""
    given = [reason for reason in unusable.values() if reason is not Reason.MODALITY_MISSING]
    return given[0] if given else Reason.MODALITY_MISSING


def _mean(vectors: np.ndarray) -> Vector:
    mean = vectors.mean(0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)
