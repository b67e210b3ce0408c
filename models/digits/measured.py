"""Figures of trials, each speaker judged at a threshold that the other speakers set."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from models.digits.trials import Trials, threshold_of, together
from models.evaluation.intervals import wilson
from models.evaluation.pad import BONA_FIDE, pad_table
from models.training.gate import summary

NOISE_EDGES = (5.0, 10.0, 15.0, 20.0, 30.0)  # dB


def thresholds(trials: Mapping[str, Trials], wrong_set: float) -> dict[str, float]:
    """For each speaker the threshold set on all the others, each heard by a network that had not heard them.

    Raises:
        ValueError: there is but one speaker.
    """
    if len(trials) < 2:
        raise ValueError("one speaker leaves nobody to set a threshold on")
    return {
        name: threshold_of(together([one for other, one in trials.items() if other != name]), wrong_set)
        for name in trials
    }


def figures(trials: Mapping[str, Trials], at: Mapping[str, float], *, seed: int = 0) -> dict[str, Any]:
    """Rates over all speakers with intervals over speakers, and of each speaker; BPCER is right strings refused."""
    whole = together(list(trials.values()))
    above = np.concatenate([one.scores - at[name] for name, one in trials.items()])
    report = pad_table(above, whole.kinds, whole.subjects, 0.0, seed=seed)
    right = whole.kinds == BONA_FIDE
    return {
        **summary(report),
        "right_strings_accepted": round(1 - report.bpcer.rate, 4),
        "free_reading_right": round(whole.readings[0] / whole.readings[1], 4),
        "accepted_by_noise_db": _by_noise(above[right], whole.noise_db[right]),
        "by_speaker": {name: _of_speaker(one, at[name]) for name, one in trials.items()},
    }


def share(accepted: int, trials: int) -> dict[str, Any]:
    """A share with Wilson's interval, for cards."""
    interval = wilson(accepted, trials)
    ends = [round(interval.low, 4), round(interval.high, 4)]
    return {"rate": round(accepted / trials, 4), "interval": ends, "accepted": accepted, "trials": trials}


def _of_speaker(trials: Trials, threshold: float) -> dict[str, Any]:
    kinds = {str(kind): trials.of(str(kind)) >= threshold for kind in np.unique(trials.kinds)}
    accepted = {kind: share(int(found.sum()), len(found)) for kind, found in kinds.items()}
    return {
        "threshold": round(threshold, 3),
        "free_reading_right": round(trials.readings[0] / trials.readings[1], 4),
    } | {f"{kind}_accepted": values for kind, values in accepted.items()}


def _by_noise(above: np.ndarray, noise_db: np.ndarray) -> dict[str, Any]:
    found = {}
    for low, high in itertools.pairwise(NOISE_EDGES):
        inside = above[(noise_db >= low) & (noise_db < high)]
        if len(inside):
            found[f"{low:.0f} to {high:.0f}"] = share(int((inside >= 0).sum()), len(inside))
    return found
