"""Stage 1: does the picture look like a direct camera picture?

Frequency and texture consistency only, with limits set on real faces: it catches crude paste-ins and strong up-sampling
traces. It is no trained detector, and nothing here looks at the voice; the evidence says so.
"""

from __future__ import annotations

import numpy as np

from models.deepfake.cues.consistency import SIZE, consistency_cues
from worker.cascade.crops import grey_crop
from worker.cascade.draw import one_of_each_stretch
from worker.cascade.stage import Context
from worker.cascade.types import Modality, Reason, StageOutcome, StageResult

NAME = "deepfake"
FRAMES = 3
# Outside what 99.5 % of each measured set of bona fide pictures show (docs/decisions/0004-gates-for-now.md).
LARGEST_NOISE_RATIO = 1.6
SMALLEST_NOISE_RATIO = -1.4
LARGEST_GRID = 3.5


class DeepfakeStage:
    name = NAME

    def run(self, context: Context) -> StageResult:
        if not context.policy.deepfake_required:
            return StageResult(NAME, StageOutcome.NOT_REQUIRED, evidence={"checked": []})
        if not context.views:
            missing = {"modality": Modality.FACE.value}
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.MODALITY_MISSING, evidence=missing)
        cues = [
            consistency_cues(grey_crop(context.sample.frames[view.frame], view.face, sides=2.0, size=SIZE))
            for view in one_of_each_stretch(context.views, FRAMES)
        ]
        noise = float(np.median([cue.noise_ratio for cue in cues]))
        sharpness = float(np.median([cue.sharpness_ratio for cue in cues]))
        grid = float(np.median([cue.grid for cue in cues]))
        evidence: dict[str, object] = {
            "noise_ratio": round(noise, 3),
            "sharpness_ratio": round(sharpness, 3),
            "grid": round(grid, 3),
            "voice": "not checked: there is no model for it yet" if context.sample.voice is not None else "none given",
        }
        if not SMALLEST_NOISE_RATIO <= noise <= LARGEST_NOISE_RATIO or not grid <= LARGEST_GRID:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.MANIPULATED, evidence=evidence)
        return StageResult(NAME, StageOutcome.PASSED, evidence=evidence)
