"""The figures of one method on one fold, the same for every method, so that one table can hold them."""

from __future__ import annotations

import numpy as np

from models.data.features import CLEAN
from models.evaluation import metrics
from models.evaluation.errors import TooFewTrials
from models.evaluation.scores import ScoreSet
from models.training.calibrated import calibrated
from models.training.experiment import Experiment, Method, score_set

FMR_POINTS = (1e-2, 1e-3)


def fold_figures(method: Method, experiment: Experiment) -> tuple[dict[str, float], dict[str, ScoreSet]]:
    """Figures by name, and calibrated test scores by setting.

    Scores become log-likelihood ratios by a logistic calibration on validation people; every figure is of test people.
    An FNMR that the number of trials does not support is left out.
    """
    figures: dict[str, float] = {}
    sets: dict[str, ScoreSet] = {}
    for setting in method.settings:
        validation = score_set(method, experiment.validation, setting)
        test = calibrated(score_set(method, experiment.test, setting, fold=experiment.fold.index), validation)
        sets[setting.name] = test
        for state, chosen in states(test).items():
            figures |= {f"{setting.name}, {state}: {name}": value for name, value in set_figures(chosen).items()}
    return figures, sets


def states(scores: ScoreSet) -> dict[str, ScoreSet]:
    """All probes, the clean ones, the degraded ones, as far as there are any."""
    clean = scores.condition == CLEAN
    found = {"all": scores}
    if clean.any() and not clean.all():
        found |= {"clean": scores.where(clean), "degraded": scores.where(~clean)}
    return found


def set_figures(scores: ScoreSet) -> dict[str, float]:
    """EER, AUC, C_llr, minimum C_llr, and FNMR at those FMR points that the trials support."""
    genuine, impostor = scores.genuine_scores(), scores.impostor_scores()
    figures = {
        "EER": metrics.eer(genuine, impostor),
        "AUC": metrics.auc(genuine, impostor),
        "C_llr": metrics.cllr(genuine, impostor),
        "min C_llr": metrics.min_cllr(genuine, impostor),
    }
    for point in FMR_POINTS:
        try:
            figures[f"FNMR@{point:g}"] = metrics.fnmr_at_fmr(genuine, impostor, point)[0]
        except TooFewTrials:
            continue
    return {name: float(np.round(value, 6)) for name, value in figures.items()}
