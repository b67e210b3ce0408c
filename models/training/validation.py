"""The cost on validation identities that stops training, one for every fusion model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.data.trials import Trials
from models.evaluation.metrics import min_cllr
from models.training.experiment import SETTINGS, Method, score_set


def validation_cost(method: Method, populations: Sequence[Trials]) -> float:
    """Mean minimum C_llr of face and voice, face alone and voice alone, on validation people: lower is better.

    Unlike the EER it moves with every score, so that it does not stand still on few trials.
    """
    costs = []
    for setting in SETTINGS:
        scores = score_set(method, populations, setting)
        costs.append(min_cllr(scores.genuine_scores(), scores.impostor_scores()))
    return float(np.mean(costs))
