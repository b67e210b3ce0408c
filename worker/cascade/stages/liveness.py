"""Stage 0: is somebody there, now? The camera's stream, single pictures, the head's shape, the challenge, the lips.

Every gate refuses by itself (docs/decisions/0007-gates.md), and beside all gates a sign of life is required: light
reflects from a photograph too, and a photograph that is held still is neither flat nor round.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import numpy as np

from models.liveness.cues.blink import count_blinks, eye_aspect_ratio
from models.liveness.stream import read_stream
from worker.cascade.challenges import TURN, ChallengeJudge, StepResult
from worker.cascade.crops import grey_crop, thumbnail
from worker.cascade.draw import one_of_each_stretch
from worker.cascade.gates import GateLog
from worker.cascade.stage import Context
from worker.cascade.types import Gate, Modality, Reason, StageOutcome, StageResult
from worker.engines.types import GateEngines, LandmarkEngine, RuleReading, SpeechActivity

NAME = "liveness"
FEWEST_FRAMES = 12
SHORTEST_SECONDS, LONGEST_SECONDS = 1.5, 20.0
LONGEST_AFTER = 1.5  # seconds
ASSUMED_RATE = 12.0  # frames a second where the client sent no times
FACE_SIZE, SCENE_SIZE = 64, 96
PICTURES = 3
LEAST_MESHES = 0.8


class LivenessStage:
    name = NAME

    def __init__(self, landmarks: LandmarkEngine, gates: GateEngines, speech: SpeechActivity) -> None:
        self._landmarks = landmarks
        self._gates = gates
        self._speech = speech
        self._challenges = ChallengeJudge(gates.digits)

    def run(self, context: Context) -> StageResult:
        if not context.policy.liveness_required:
            return StageResult(NAME, StageOutcome.NOT_REQUIRED, evidence={"checked": []})
        views, frames = context.views, context.sample.frames
        if not frames:
            return _refused(Reason.MODALITY_MISSING, {"modality": Modality.FACE.value})
        times, usable = _times(context)
        evidence: dict[str, object] = {"frames": len(views), "seconds": round(float(times[-1] - times[0]), 2)}
        if len(views) < FEWEST_FRAMES or not usable:
            return _refused(Reason.TOO_FEW_FRAMES, evidence)
        context.meshes = tuple(self._landmarks.mesh(frames[view.frame], view.face) for view in views)
        mesh_share = sum(mesh is not None for mesh in context.meshes) / len(views)
        evidence["mesh_share"] = round(mesh_share, 3)
        blinks = self._blinks(context, times, evidence)
        log = GateLog(context.policy)
        log.ask(Gate.STREAM, lambda: _stream(context, times))
        self._ask_about_pictures(log, context, times)
        lips_pass = self._ask_about_lips(log, context, times)
        context.acted = self._challenges.views_of_steps(context, times)
        steps = self._challenges.judge(context, times)
        evidence |= {"gates": log.values, "challenge": [step.evidence() for step in steps]}
        if mesh_share < LEAST_MESHES:
            return _refused(Reason.NOT_LIVE, evidence | {"failed": "landmarks"})
        return _judged(log, steps, evidence, blinks=blinks, lips_pass=bool(lips_pass))

    def _blinks(self, context: Context, times: np.ndarray, evidence: dict[str, object]) -> int:
        """How many blinks were seen; notes the frame in which the eyes are most closed."""
        seen = [
            (eye_aspect_ratio(mesh), time, view)
            for mesh, time, view in zip(context.meshes, times, context.views, strict=True)
            if mesh is not None
        ]
        if seen:
            context.blinking = min(seen, key=lambda one: one[0])[2]
        blinks = count_blinks(np.array([ratio for ratio, _, _ in seen]), np.array([time for _, time, _ in seen]))
        evidence |= {
            "blinks": blinks.count,
            "eye_open": round(blinks.open_ratio, 3),
            "eye_lowest": round(blinks.lowest, 3),
        }
        return blinks.count

    def _ask_about_pictures(self, log: GateLog, context: Context, times: np.ndarray) -> None:
        picture, flat = self._gates.picture, self._gates.flat
        frames = context.sample.frames
        drawn = [(frames[view.frame], view.face) for view in one_of_each_stretch(context.views, PICTURES)]
        log.ask(Gate.PICTURE, None if picture is None else lambda: picture.judge(drawn))
        # These only sharpen: an installation without their weights is a whole one, unless its operator names the gate.
        for gate, network in ((Gate.MINIFASNET, self._gates.minifasnet), (Gate.VIT, self._gates.vit)):
            if network is not None or gate in context.policy.gates:
                log.ask(gate, None if network is None else partial(network.judge, drawn))
        log.ask(Gate.FLAT, None if flat is None else lambda: flat.judge(context.meshes, times))

    def _ask_about_lips(self, log: GateLog, context: Context, times: np.ndarray) -> bool | None:
        """Only where there is a voice: whether one is required is said at the embedding stage."""
        sample, lips = context.sample, self._gates.lips
        if sample.voice is None:
            return None
        voice = sample.voice
        speech = context.speech = self._speech.segments(voice)
        frames, faces = [sample.frames[view.frame] for view in context.views], [view.face for view in context.views]
        heard = times - sample.voice_starts  # the frames' times on the recording's clock
        if lips is None:
            return log.ask(Gate.LIPS, None)
        return log.ask(Gate.LIPS, lambda: lips.judge(frames, faces, context.meshes, heard, voice, speech))


def _times(context: Context) -> tuple[np.ndarray, bool]:
    """Times of the views in seconds since the first frame, and whether they can be those of one short recording."""
    sent = context.sample.frame_times
    indices = np.array([view.frame for view in context.views])
    if not len(indices):
        return np.zeros(1), False
    whole = np.asarray(sent, float) if sent else np.arange(len(context.sample.frames)) / ASSUMED_RATE
    times = whole[indices] - whole[0]
    rising = bool(np.all(np.diff(times) > 0)) and bool(np.isfinite(times).all())
    # What comes after the challenge was not asked for, and could be of somebody else.
    longest = context.challenge[-1].ends + LONGEST_AFTER if context.challenge else LONGEST_SECONDS
    return times, rising and SHORTEST_SECONDS <= times[-1] - times[0] <= longest


def _stream(context: Context, times: np.ndarray) -> RuleReading:
    frames = context.sample.frames
    scenes = np.stack([thumbnail(frames[view.frame], SCENE_SIZE) for view in context.views])
    faces = np.stack([grey_crop(frames[view.frame], view.face, sides=1.0, size=FACE_SIZE) for view in context.views])
    turning = any(step.kind == TURN for step in context.challenge)
    reading = read_stream(scenes, faces, times, there_and_back=turning)
    cues = {name: value for name, value in asdict(reading).items() if isinstance(value, float)}
    return RuleReading("stream", reading.fault.value if reading.fault else "", cues)


def _judged(
    log: GateLog, steps: list[StepResult], evidence: dict[str, object], *, blinks: int, lips_pass: bool
) -> StageResult:
    """The first of what refuses: a gate, a step that was not done, no sign of life."""
    if log.refused is not None:
        gate, reason = log.refused
        return _refused(reason, evidence | {"failed": gate.value})
    for step in steps:
        if step.reason is not None:
            return _refused(step.reason, evidence | {"failed": f"challenge: {step.kind}"})
    turned = any(step.kind == TURN for step in steps)
    if not (blinks or turned or lips_pass):
        return _refused(Reason.NO_BLINK, evidence | {"failed": "sign of life"})
    return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)


def _refused(reason: Reason, evidence: dict[str, object]) -> StageResult:
    return StageResult(NAME, StageOutcome.REFUSED, reason=reason, evidence=evidence)
