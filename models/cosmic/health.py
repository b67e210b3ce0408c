"""Is the embedding healthy? What has to be reported beside every error rate.

Effective rank (Roy and Vetterli, 2007), spectrum of H, active dimensions of the bottleneck, and linear probes: the
context should say little about who somebody is, the identity everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from models.cosmic.method import CosmicMethod, capture_of
from models.cosmic.model import Cosmic
from models.cosmic.vib import active_dimensions
from models.data.context import ContextScaler
from models.data.features import CLEAN, ModalityFeatures
from models.data.people import Rows, people_of
from models.data.trials import Side, side_of
from models.evaluation.metrics import effective_rank
from models.training.experiment import Experiment

PROBE_PARTS = 3


@dataclass(frozen=True, slots=True)
class Health:
    """``None`` where the configuration has no such part, or nobody has recordings enough to be probed.

    Probes are accuracies on held-out recordings of known people.
    """

    effective_rank: float
    identity_width: int
    smallest_eigenvalue: float | None
    largest_eigenvalue: float | None
    condition: float | None
    active_dimensions: int | None
    probe_identity: float | None
    probe_context: float | None
    probe_chance: float | None


def health_of(model: Cosmic, scaler: ContextScaler, experiment: Experiment, device: torch.device) -> Health:
    """Measured on the first population of test people."""
    method = CosmicMethod(model, scaler, device)
    probes = experiment.test[0].probes
    identities = method.identities(probes).numpy()
    spectrum = model.solver.spectrum() if model.solver is not None else None
    means = _context_means(model, scaler, probes, device)
    single, label = recordings(experiment)
    known = len(np.unique(label)) > 1
    single_means = _context_means(model, scaler, single, device) if known else None
    return Health(
        effective_rank=effective_rank(identities),
        identity_width=identities.shape[1],
        smallest_eigenvalue=float(spectrum.smallest) if spectrum else None,
        largest_eigenvalue=float(spectrum.largest) if spectrum else None,
        condition=float(spectrum.condition) if spectrum else None,
        active_dimensions=active_dimensions(torch.from_numpy(means)) if means is not None else None,
        probe_identity=linear_probe(method.identities(single).numpy(), label) if known else None,
        probe_context=linear_probe(single_means, label) if single_means is not None else None,
        probe_chance=1 / len(np.unique(label)) if known else None,
    )


def recordings(experiment: Experiment) -> tuple[Side, NDArray[np.int64]]:
    """Captures of test people with their labels, in which no recording comes twice, clean or degraded.

    Trials would not do: they draw the same recording again and again, and a probe would be asked for what it was told.
    """
    features = experiment.features
    captures: list[tuple[Rows, Rows]] = []
    labels: list[int] = []
    for label, person in enumerate(people_of(features, experiment.fold.test, seed=experiment.seed * 1000)):
        faces, voices = _clean(features.face, person.face), _clean(features.voice, person.voice)
        count = min(len(faces), len(voices))
        if count >= PROBE_PARTS:
            captures += [(faces[[index]], voices[[index]]) for index in range(count)]
            labels += [label] * count
    return side_of(features, captures), np.array(labels, np.int64)


def _clean(side: ModalityFeatures, rows: Rows) -> Rows:
    return rows[side.condition[rows] == CLEAN]


def linear_probe(features: NDArray, label: NDArray[np.int64]) -> float:
    """Accuracy of a linear classifier of people, cross-validated over captures, PROBE_PARTS of each at least."""
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    parts = StratifiedKFold(PROBE_PARTS, shuffle=True, random_state=0)
    return float(cross_val_score(LogisticRegression(max_iter=2000), scaled, label, cv=parts).mean())


def _context_means(
    model: Cosmic, scaler: ContextScaler, side: Side, device: torch.device
) -> NDArray[np.float32] | None:
    if model.context is None:
        return None
    with torch.inference_mode():
        return model.context.encode(capture_of(side, scaler, device).context).cpu().numpy()
