"""Whether the person did what was asked: each step of a challenge against the frames and the sound, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np

from models.liveness.challenges.blinks import check_blinks
from models.liveness.challenges.light import LightOutcome, check_light
from models.liveness.challenges.turn import check_turn, head_yaw
from models.liveness.cues.blink import eye_aspect_ratio
from worker.cascade.stage import Context
from worker.cascade.types import ChallengeStep, FaceView, Reason
from worker.engines.digits import DigitRecogniser
from worker.engines.reflection import light_series
from worker.engines.types import SAMPLE_RATE, Mesh

Side = Literal["left", "right"]  # anything else raises in the check, and so refuses
BLINK, TURN, LIGHT, DIGITS = "blink", "turn", "light", "digits"
# People begin late and end late; both ends of a spoken answer get this much more.
SPEECH_MARGIN = 0.6
LIGHT_REASONS = {LightOutcome.NOT_SEEN: Reason.LIGHT_NOT_SEEN, LightOutcome.CANNOT_TELL: Reason.LIGHT_UNCLEAR}


@dataclass(frozen=True, slots=True)
class StepResult:
    """``reason`` is None where the step was done; ``found`` is what was measured, for the evidence."""

    kind: str
    reason: Reason | None
    found: dict[str, object] = field(default_factory=dict)

    def evidence(self) -> dict[str, object]:
        return {"kind": self.kind, "done": self.reason is None, **self.found}


class ChallengeJudge:
    """Knows each kind of step. An unknown kind raises, and so refuses."""

    def __init__(self, digits: DigitRecogniser | None) -> None:
        self._digits = digits
        self._checks = {BLINK: _blinks, TURN: _turn, LIGHT: _light, DIGITS: self._spoken}

    def judge(self, context: Context, times: np.ndarray) -> list[StepResult]:
        """One result a step, in order.

        Arguments:
            times: (views,) seconds since the first frame, of ``context.views`` with their ``context.meshes``.
        """
        return [self._checks[step.kind](step, context, times) for step in context.challenge]

    @staticmethod
    def views_of_steps(context: Context, times: np.ndarray) -> tuple[tuple[FaceView, ...], ...]:
        """The faces seen within each step's time: whoever did what was asked has to be who is compared."""
        return tuple(
            tuple(view for view, at in zip(context.views, times, strict=True) if step.starts <= at <= step.ends)
            for step in context.challenge
        )

    def _spoken(self, step: ChallengeStep, context: Context, times: np.ndarray) -> StepResult:
        voice = context.sample.voice
        if voice is None:
            return StepResult(step.kind, Reason.MODALITY_MISSING)
        if self._digits is None:
            return StepResult(step.kind, Reason.MODEL_MISSING)
        begins = step.starts - context.sample.voice_starts - SPEECH_MARGIN
        ends = step.ends - context.sample.voice_starts + SPEECH_MARGIN
        part = voice[max(0, round(begins * SAMPLE_RATE)) : max(0, round(ends * SAMPLE_RATE))]
        if len(part) < SAMPLE_RATE:
            return StepResult(step.kind, Reason.AUDIO_TOO_SHORT)
        try:
            check = self._digits.check(part, step.digits)
        except ValueError as error:  # silent, or too short to hold the digits
            return StepResult(step.kind, Reason.DIGITS_NOT_HEARD, {"expected": step.digits, "why": str(error)})
        found: dict[str, object] = {
            "expected": check.expected,
            "heard": check.heard,
            "score": round(check.score, 3),
            "threshold": round(check.threshold, 3),
            "first_at": check.first,
            "last_at": check.last,
        }
        return StepResult(step.kind, None if check.accepted else Reason.DIGITS_NOT_HEARD, found)


def _blinks(step: ChallengeStep, context: Context, times: np.ndarray) -> StepResult:
    check = check_blinks(_of_meshes(context, eye_aspect_ratio), times, step.count, step.starts, step.ends)
    found: dict[str, object] = {"expected": step.count, "counted": check.count}
    return StepResult(step.kind, None if check.done else Reason.BLINKS_NOT_SEEN, found)


def _turn(step: ChallengeStep, context: Context, times: np.ndarray) -> StepResult:
    check = check_turn(_of_meshes(context, head_yaw), times, cast("Side", step.side), step.starts, step.ends)
    found: dict[str, object] = {
        "side": step.side,
        "largest_degrees": round(float(check.largest), 1),
        "other_way_degrees": round(float(check.other_way), 1),
    }
    return StepResult(step.kind, None if check.done else Reason.TURN_NOT_SEEN, found)


def _of_meshes(context: Context, measure: Callable[[Mesh], float]) -> np.ndarray:
    """(views,) of one measure, NaN where the mesh lost the face."""
    return np.array([np.nan if mesh is None else measure(mesh) for mesh in context.meshes])


def _light(step: ChallengeStep, context: Context, times: np.ndarray) -> StepResult:
    inside = (times >= step.starts) & (times <= step.ends)
    chosen = np.flatnonzero(inside).tolist()
    frames = [context.sample.frames[context.views[index].frame] for index in chosen]
    skin, background = light_series(frames, [context.meshes[index] for index in chosen])
    check = check_light(skin, background, times[chosen], step.colours, ends=step.ends)
    found: dict[str, object] = {
        "outcome": check.outcome.value,
        "statistic": round(float(check.statistic), 3),
        "p_value": float(check.p_value),
        "lag": round(float(check.lag), 2),
        "strength": round(float(check.strength), 3),
    }
    return StepResult(step.kind, LIGHT_REASONS.get(check.outcome), found)
