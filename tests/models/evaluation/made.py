"""Scores for tests of what is made from scores: no chance in them beyond one seed."""

from __future__ import annotations

import numpy as np

from models.evaluation.scores import ScoreSet


def made(
    name: str = "fused", *, d_prime: float = 3.0, people: int = 24, each: int = 4, folds: int = 2, seed: int = 0
) -> ScoreSet:
    """Everybody against everybody within each of ``folds`` folds of other people, as natural-log likelihood ratios; half
    of the probes are noisy, and people belong to one of two groups."""
    random = np.random.default_rng(seed)
    whole: ScoreSet | None = None
    for fold in range(folds):
        names = np.array([f"{fold}-{number:03d}" for number in range(people)])
        probes = np.repeat(names, each)
        same = probes[:, None] == names
        noisy = np.arange(len(probes)) % 2 == 1
        scores = random.normal(size=same.shape) + same * (d_prime - noisy[:, None])
        part = ScoreSet.of(
            (d_prime * (scores - d_prime / 2)).ravel(),
            np.repeat(probes, people),
            np.tile(names, len(probes)),
            name=name,
            condition=np.repeat(np.where(noisy, "noise", "clean"), people),
            group=np.repeat(np.where(np.arange(people) % 2, "b", "a").repeat(each), people),
            fold=fold,
        )
        whole = part if whole is None else whole.joined(part)
    assert whole is not None
    return whole
