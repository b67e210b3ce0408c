"""From a training configuration to its fold, and what a checkpoint says of both: one rule for every family."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from models.data.features import Features
from models.data.folds import identity_folds
from models.training.checkpoint import git_revision
from models.training.experiment import Experiment


class SplitConfig(Protocol):
    """The part of a training configuration that says who is who."""

    @property
    def folds(self) -> int: ...

    @property
    def split_seed(self) -> int: ...

    @property
    def drawings(self) -> int: ...


def experiment_of(config: SplitConfig, features: Features, fold: int) -> Experiment:
    folds = identity_folds(features, count=config.folds, seed=config.split_seed)
    return Experiment(features, folds[fold], seed=config.split_seed, drawings=config.drawings)


def meta_of(config: Any, features: Features, fold: int) -> dict[str, Any]:
    """What is stored with a checkpoint; ``config`` is a dataclass."""
    return {
        "config": dataclasses.asdict(config),
        "fold": fold,
        "features": dataclasses.asdict(features.header),
        "samples": samples_of(features),
        "revision": git_revision(),
    }


def samples_of(features: Features) -> dict[str, int]:
    """How many there are: with others the people would be dealt out anew."""
    return {"face": len(features.face), "voice": len(features.voice)}
