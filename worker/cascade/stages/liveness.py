"""Stage 0: is somebody there, now? Blink, motion, spectrum, and the MiniFASNet pair where its weights are at hand.

Without MiniFASNet this stage stops still photographs and frozen streams; it does not stop a replayed video of a person
who blinks. The evidence says which cues were looked at.
"""

from __future__ import annotations

import numpy as np

from models.liveness.cues.blink import count_blinks, eye_aspect_ratio
from models.liveness.cues.motion import frozen_share
from models.liveness.cues.spectrum import SIZE, spectrum_cues
from worker.cascade.crops import grey_crop
from worker.cascade.draw import one_of_each_stretch
from worker.cascade.stage import Context
from worker.cascade.types import Modality, Reason, StageOutcome, StageResult
from worker.engines.types import LandmarkEngine, LivenessNetwork

NAME = "liveness"
FEWEST_FRAMES = 12
SHORTEST_SECONDS, LONGEST_SECONDS = 1.5, 20.0
ASSUMED_RATE = 12.0  # frames a second where the client sent no times
MOST_FROZEN = 0.5
MOTION_SIZE = 64
NETWORK_FRAMES = 3
NETWORK_THRESHOLD = 0.5
LEAST_MESHES = 0.8
# Outside what 99.5 % of each measured set of bona fide pictures show (docs/decisions/0004-gates-for-now.md).
LARGEST_REGULARITY = 9.0


class LivenessStage:
    name = NAME

    def __init__(self, landmarks: LandmarkEngine, network: LivenessNetwork | None) -> None:
        self._landmarks = landmarks
        self._network = network

    def run(self, context: Context) -> StageResult:
        if not context.policy.liveness_required:
            return StageResult(NAME, StageOutcome.NOT_REQUIRED, evidence={"checked": []})
        views = context.views
        if not context.sample.frames:
            return _refused(Reason.MODALITY_MISSING, {"modality": Modality.FACE.value})
        times, usable = _times(context)
        evidence: dict[str, object] = {"frames": len(views), "seconds": round(float(times[-1] - times[0]), 2)}
        if len(views) < FEWEST_FRAMES or not usable:
            return _refused(Reason.TOO_FEW_FRAMES, evidence)
        frames = context.sample.frames
        context.meshes = tuple(self._landmarks.mesh(frames[view.frame], view.face) for view in views)
        evidence |= self._cues(context, times)
        return _judged(evidence)

    def _cues(self, context: Context, times: np.ndarray) -> dict[str, object]:
        frames, views = context.sample.frames, context.views
        ratios = [
            (eye_aspect_ratio(mesh), time) for mesh, time in zip(context.meshes, times, strict=True) if mesh is not None
        ]
        meshed = [view for view, mesh in zip(views, context.meshes, strict=True) if mesh is not None]
        if ratios:
            context.blinking = meshed[int(np.argmin([ratio for ratio, _ in ratios]))]
        blinks = count_blinks(np.array([ratio for ratio, _ in ratios]), np.array([time for _, time in ratios]))
        faces = np.stack([grey_crop(frames[view.frame], view.face, sides=1.0, size=MOTION_SIZE) for view in views])
        spread = one_of_each_stretch(views, NETWORK_FRAMES)
        spectra = [spectrum_cues(grey_crop(frames[view.frame], view.face, sides=1.0, size=SIZE)) for view in spread]
        cues: dict[str, object] = {
            "mesh_share": round(len(ratios) / len(views), 3),
            "blinks": blinks.count,
            "eye_open": round(blinks.open_ratio, 3),
            "eye_lowest": round(blinks.lowest, 3),
            "frozen_share": round(frozen_share(faces), 3),
            "regularity": round(float(np.median([cue.regularity for cue in spectra])), 3),
            "fine_detail": round(float(np.median([cue.fine_detail for cue in spectra])), 6),
            "network": None,
        }
        if self._network is not None:
            scores = [self._network.score(frames[view.frame], view.face) for view in spread]
            cues["network"] = self._network.name
            cues["network_score"] = round(float(np.mean(scores)), 4)
        return cues


def _times(context: Context) -> tuple[np.ndarray, bool]:
    """Times of the views in seconds, and whether they can be those of one short recording."""
    sent = context.sample.frame_times
    indices = np.array([view.frame for view in context.views])
    if not len(indices):
        return np.zeros(1), False
    times = np.asarray(sent, float)[indices] if sent else indices / ASSUMED_RATE
    rising = bool(np.all(np.diff(times) > 0)) and bool(np.isfinite(times).all())
    return times, rising and SHORTEST_SECONDS <= times[-1] - times[0] <= LONGEST_SECONDS


def _judged(evidence: dict) -> StageResult:
    if not evidence["frozen_share"] <= MOST_FROZEN:
        return _refused(Reason.NOT_LIVE, evidence | {"failed": "frozen"})
    if evidence["network"] is not None and not evidence["network_score"] >= NETWORK_THRESHOLD:
        return _refused(Reason.NOT_LIVE, evidence | {"failed": "network"})
    if not evidence["regularity"] <= LARGEST_REGULARITY:
        return _refused(Reason.NOT_LIVE, evidence | {"failed": "regularity"})
    if not evidence["mesh_share"] >= LEAST_MESHES or evidence["blinks"] < 1:
        return _refused(Reason.NO_BLINK, evidence | {"failed": "blink"})
    return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)


def _refused(reason: Reason, evidence: dict[str, object]) -> StageResult:
    return StageResult(NAME, StageOutcome.REFUSED, reason=reason, evidence=evidence)
