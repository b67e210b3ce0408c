"""Stage 1: is the picture a direct camera picture of one person, and the voice one that is spoken?"""

from __future__ import annotations

from worker.cascade.draw import one_of_each_stretch
from worker.cascade.gates import GateLog
from worker.cascade.stage import Context
from worker.cascade.types import Gate, Modality, Reason, StageOutcome, StageResult
from worker.engines.types import GateEngines

NAME = "deepfake"
FRAMES = 4


class DeepfakeStage:
    name = NAME

    def __init__(self, gates: GateEngines) -> None:
        self._gates = gates

    def run(self, context: Context) -> StageResult:
        if not context.policy.deepfake_required:
            return StageResult(NAME, StageOutcome.NOT_REQUIRED, evidence={"checked": []})
        if not context.views:
            missing = {"modality": Modality.FACE.value}
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.MODALITY_MISSING, evidence=missing)
        log = GateLog(context.policy)
        self._ask_about_pictures(log, context)
        self._ask_about_voice(log, context)
        evidence: dict[str, object] = {"gates": log.values}
        if log.refused is not None:
            gate, reason = log.refused
            evidence["failed"] = gate.value
            return StageResult(NAME, StageOutcome.REFUSED, reason=reason, evidence=evidence)
        return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)

    def _ask_about_pictures(self, log: GateLog, context: Context) -> None:
        forgery, frames = self._gates.forgery, context.sample.frames
        meshes = context.meshes or (None,) * len(context.views)
        drawn = one_of_each_stretch(list(zip(context.views, meshes, strict=True)), FRAMES)
        seen = [(frames[view.frame], view.face, mesh) for view, mesh in drawn]
        log.ask(Gate.FORGERY, None if forgery is None else lambda: forgery.judge(seen))

    def _ask_about_voice(self, log: GateLog, context: Context) -> None:
        """Only where there is one: whether a voice is required is said at the embedding stage."""
        voice, gate = context.sample.voice, self._gates.voice_spoof
        if voice is not None:
            log.ask(Gate.VOICE_SPOOF, None if gate is None else lambda: gate.judge(voice))
