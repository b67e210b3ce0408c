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
from models.data.trials import Trials
from models.evaluation.metrics import effective_rank

PROBE_PARTS = 3


@dataclass(frozen=True, slots=True)
class Health:
    """``None`` where the configuration has no such part. Probes are accuracies on held-out captures of known people."""

    effective_rank: float
    identity_width: int
    smallest_eigenvalue: float | None
    largest_eigenvalue: float | None
    condition: float | None
    active_dimensions: int | None
    probe_identity: float
    probe_context: float | None
    probe_chance: float


def health_of(model: Cosmic, scaler: ContextScaler, trials: Trials, device: torch.device) -> Health:
    """Measured on one population; use test people."""
    identities = CosmicMethod(model, scaler, device).identities(trials.probes).numpy()
    spectrum = model.solver.spectrum() if model.solver is not None else None
    means = _context_means(model, scaler, trials, device)
    return Health(
        effective_rank=effective_rank(identities),
        identity_width=identities.shape[1],
        smallest_eigenvalue=float(spectrum.smallest) if spectrum else None,
        largest_eigenvalue=float(spectrum.largest) if spectrum else None,
        condition=float(spectrum.condition) if spectrum else None,
        active_dimensions=active_dimensions(torch.from_numpy(means)) if means is not None else None,
        probe_identity=linear_probe(identities, trials.owner),
        probe_context=linear_probe(means, trials.owner) if means is not None else None,
        probe_chance=1 / len(trials.people),
    )


def linear_probe(features: NDArray, label: NDArray[np.int64]) -> float:
    """Accuracy of a linear classifier of people, cross-validated over captures."""
    scaled = (features - features.mean(0)) / np.maximum(features.std(0), 1e-6)
    parts = StratifiedKFold(PROBE_PARTS, shuffle=True, random_state=0)
    return float(cross_val_score(LogisticRegression(max_iter=2000), scaled, label, cv=parts).mean())


def _context_means(
    model: Cosmic, scaler: ContextScaler, trials: Trials, device: torch.device
) -> NDArray[np.float32] | None:
    if model.context is None:
        return None
    with torch.inference_mode():
        return model.context.encode(capture_of(trials.probes, scaler, device).context).cpu().numpy()
