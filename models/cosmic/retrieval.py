"""``python -m models.cosmic.retrieval [--features features.sqlite]``: whose voice is this face's? By the aligner.

Runs on true face-voice pairs where the features have any, on the planted-factor generator otherwise, and says which.
On chimeric people the answer is chance by construction, so they are refused.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.cosmic.aligner import GeneralizableXMAligner, fit_aligner
from models.data.features import Features
from models.data.folds import identity_folds
from models.data.load import load
from models.data.people import has_true_pairs, people_of
from models.data.planted import Generator
from models.evaluation.identification import identification
from models.evaluation.metrics import auc

RANKS = (1, 5, 10)
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Face to voice on people unseen in training. ``recall`` and ``chance`` at ranks 1, 5, 10; AUC of pairs against 0.5."""

    data: str
    people: int
    recall: tuple[float, ...]
    chance: tuple[float, ...]
    auc: float


def retrieval(scores: Array, *, data: str) -> Retrieval:
    """Figures from (faces, voices) scores whose diagonal holds the true pairs."""
    found = identification(scores, np.arange(len(scores)), name=data)
    true = np.eye(len(scores), dtype=bool)
    return Retrieval(
        data=data,
        people=len(scores),
        recall=tuple(found.rank_rate(rank) for rank in RANKS),
        chance=tuple(min(1.0, rank / len(scores)) for rank in RANKS),
        auc=auc(scores[true], scores[~true]),
    )


def on_planted_factor(*, people: int = 400, unseen: int = 100, seed: int = 0) -> tuple[Retrieval, Retrieval]:
    """(aligner, optimum) on the planted-factor generator."""
    generator = Generator(seed=seed)
    known, new = generator.draw(people, 4, seed=1), generator.draw(unseen, 1, seed=2)
    aligner = _fitted(*known.centroids(), rank=generator.shared, seed=seed)
    name = f"planted factor, {generator.shared} shared dimensions"
    return (
        retrieval(_aligned(aligner, new.face, new.voice), data=name),
        retrieval(generator.optimal_scores(new.face, new.voice), data=f"{name}, optimum"),
    )


def on_true_pairs(features: Features, *, seed: int = 0, rank: int = 16) -> Retrieval:
    """Trained on four fifths of the people, measured on the last fifth, by centroids of their samples.

    Raises:
        ValueError: nobody's face and voice are both their own, or too few people's are.
    """
    if not has_true_pairs(features):
        raise ValueError(
            "these features hold no person with both face and voice of their own: retrieval would be chance"
        )
    fold = identity_folds(features, count=5, seed=seed)[0]
    known = [one for split in (fold.train, fold.validation) for one in people_of(features, split, seed=seed)]
    new = people_of(features, fold.test, seed=seed)
    sides = []
    for people in (known, new):
        true = [one for one in people if one.complete and one.face_identity == one.voice_identity]
        if len(true) < 2:  # there has to be somebody to be told from
            raise ValueError(f"{len(true)} people with both face and voice of their own are too few for retrieval")
        sides.append(
            tuple(
                np.stack([side.embeddings[rows].mean(0) for rows in chosen]).astype(np.float64)
                for side, chosen in (
                    (features.face, [one.face for one in true]),
                    (features.voice, [one.voice for one in true]),
                )
            )
        )
    aligner = _fitted(*sides[0], rank=rank, seed=seed)
    return retrieval(_aligned(aligner, *sides[1]), data=f"true pairs, {len(sides[0][0])} people in training")


def _fitted(face: Array, voice: Array, *, rank: int, seed: int) -> GeneralizableXMAligner:
    source, target = torch.from_numpy(face).float(), torch.from_numpy(_unit(voice)).float()
    return fit_aligner(source, target, rank=rank, seed=seed)


def _aligned(aligner: GeneralizableXMAligner, face: Array, voice: Array) -> Array:
    with torch.inference_mode():
        carried = aligner(torch.from_numpy(face).float()).double().numpy()
    return carried @ _unit(voice).T


def _unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, help="with true pairs; the planted-factor generator when left out")
    options = parser.parse_args()
    found = [on_true_pairs(load(options.features))] if options.features else on_planted_factor()
    print(json.dumps([dataclasses.asdict(one) for one in found], indent=2))


if __name__ == "__main__":
    main()
