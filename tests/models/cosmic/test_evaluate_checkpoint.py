"""A checkpoint is evaluated on the people it was not trained on, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.cosmic.config import CosmicConfig, TrainConfig
from models.cosmic.evaluate_checkpoint import evaluate_checkpoint
from models.cosmic.train import train_fold
from models.data.batches import Sampling
from models.data.features import Features, FeaturesMismatch
from models.training.loop import Fitted, Schedule
from tests.features import features

DATA = features(faces=30, voices=20)
TINY = TrainConfig(
    model=CosmicConfig(hidden=16, identity=16, latent=8, compact=True),
    sampling=Sampling(people=6, captures=2, batches=1),
    schedule=Schedule(epochs=1),
    drawings=2,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    folder: Path = tmp_path_factory.mktemp("trained")
    return train_fold(TINY, DATA, 1, folder, torch.device("cpu"), quiet=True)


def renamed(data: Features) -> Features:
    """The same samples under names in another order, which deal the people out into other parts."""
    names = np.array([f"{name[:-1]}/{name}" for name in (name[::-1] for name in data.voice.identity)])
    return replace(data, voice=replace(data.voice, identity=names))


def test_its_own_features_are_taken(trained: Fitted):
    found = evaluate_checkpoint(trained.best, DATA)

    assert found["progress"]["best_cost"] == trained.best_cost
    assert found["health"]["identity_width"] == 16
    assert found["health"]["smallest_eigenvalue"] > 0


def test_measurements_that_differ_by_rounding_are_taken(trained: Fitted):
    rounded = replace(DATA, face=replace(DATA.face, context=DATA.face.context * np.float32(1 + 1e-6)))

    assert evaluate_checkpoint(trained.best, rounded)["progress"]["best_cost"] == trained.best_cost


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (replace(DATA, header=replace(DATA.header, voice_sha256="2" * 64)), "other models"),
        (features(faces=31, voices=20), "'face': 240"),
        (features(faces=30, voices=20, seed=1), "other samples"),
        (renamed(DATA), "other samples"),
    ],
    ids=["other models", "more samples", "as many other samples", "people dealt out anew"],
)
def test_features_that_it_was_not_trained_on_are_refused(trained: Fitted, other: Features, complaint: str):
    with pytest.raises(FeaturesMismatch, match=complaint):
        evaluate_checkpoint(trained.best, other)
