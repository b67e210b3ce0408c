"""Conditions as a reader takes them: of what a probe shows, and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np

from models.evaluation.comparisons import System
from models.training.experiment import FACE_ONLY, VOICE_ONLY

# ``models.data.trials`` joins the degradations of face and of voice in this order.
SHOWN = (FACE_ONLY.name, VOICE_ONLY.name)


def by_own_modality(system: System) -> System:
    """Probes of one modality under its own condition: how blurred a face was says nothing of a voice alone."""
    if system.setting not in SHOWN:
        return system
    conditions, index = np.unique(system.scores.condition, return_inverse=True)
    own = [one.split("+")[SHOWN.index(system.setting)] if "+" in one else one for one in conditions.tolist()]
    return dataclasses.replace(
        system, scores=dataclasses.replace(system.scores, condition=np.array(own, np.str_)[index])
    )
