"""Identity-disjoint folds: who trains, who stops training and sets thresholds, who is reported on.

Face identities and voice identities are dealt out separately, so that the parts share nobody in either modality; a
person whose face and voice are both their own stays in one part with both. Each data set is dealt out evenly.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from models.data.features import Features, ModalityFeatures


class TooFewIdentities(ValueError):
    """There are fewer identities than parts to deal them into."""


@dataclass(frozen=True, slots=True)
class Split:
    """Names of face and of voice identities ("data set/person")."""

    faces: frozenset[str]
    voices: frozenset[str]


@dataclass(frozen=True, slots=True)
class Fold:
    index: int
    train: Split
    validation: Split
    test: Split


def identity_folds(features: Features, *, count: int = 5, seed: int = 0) -> list[Fold]:
    """Fold f tests on part f, validates on the next part, and trains on the rest.

    Raises:
        TooFewIdentities: a modality that is there has fewer identities than parts.
        ValueError: fewer than three parts, so that one of the three would be empty.
    """
    if count < 3:
        raise ValueError("training, validation and test identities need at least 3 parts")
    part = _parts(features, count, seed)

    def split(parts: set[int]) -> Split:
        return Split(
            *(
                frozenset(name for name in np.unique(side.identity) if part[name] in parts)
                for side in (features.face, features.voice)
            )
        )

    folds = []
    for index in range(count):
        held_out = {index, (index + 1) % count}
        folds.append(Fold(index, split(set(range(count)) - held_out), split({(index + 1) % count}), split({index})))
    return folds


def _parts(features: Features, count: int, seed: int) -> dict[str, int]:
    """The part of each identity name."""
    parts: dict[str, int] = {}
    for side in (features.voice, features.face):
        names = _by_dataset(side)
        if names and sum(map(len, names.values())) < count:
            raise TooFewIdentities(f"{sum(map(len, names.values()))} identities for {count} parts")
        # Data sets follow each other in the dealing, so that small sets do not all begin with part 0.
        dealt = 0
        for dataset in sorted(names):
            people = sorted(set(names[dataset]) - parts.keys())
            random.Random(f"{seed}/{dataset}").shuffle(people)  # noqa: S311  (a split, not a secret)
            for name in people:
                parts[name] = dealt % count
                dealt += 1
    return parts


def _by_dataset(side: ModalityFeatures) -> dict[str, list[str]]:
    return {
        str(dataset): [str(name) for name in np.unique(side.identity[side.dataset == dataset])]
        for dataset in np.unique(side.dataset)
    }
