"""``python -m models.cosmic.evaluate_checkpoint --checkpoint runs/cosmic/fold0/best.safetensors --features features.sqlite``

The figures of a checkpoint on the test people of its own fold. Twice the same call, twice the same figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.cosmic.config import TrainConfig
from models.cosmic.health import health_of
from models.cosmic.method import KIND, CosmicMethod, restored
from models.data.context import scaler_of
from models.data.features import Features, FeaturesMismatch
from models.data.load import load as load_features
from models.training.checkpoint import load
from models.training.configuration import merged
from models.training.figures import fold_figures
from models.training.fold import experiment_of, samples_of


def evaluate_checkpoint(path: Path, features: Features, device: torch.device | None = None) -> dict[str, Any]:
    """Figures of face and voice, face alone and voice alone, without context as the cascade has it, and health.

    Raises:
        models.training.checkpoint.BadCheckpoint: no checkpoint of COSMIC.
        FeaturesMismatch: the features were made by other models than those it was trained on, or are other samples:
            their people would be dealt out anew, and some that trained it would be tested.
    """
    device = device or torch.device("cpu")
    checkpoint = load(path, kind=KIND)
    if checkpoint.meta["features"] != dataclasses.asdict(features.header):
        raise FeaturesMismatch(f"{path} was trained on features of other models")
    if checkpoint.meta["samples"] != samples_of(features):
        raise FeaturesMismatch(f"{path} was trained on {checkpoint.meta['samples']}, these are {samples_of(features)}")
    config = merged(TrainConfig(), checkpoint.meta["config"])
    experiment = experiment_of(config, features, checkpoint.meta["fold"])
    model, scaler = restored(checkpoint, device)
    # As many samples may still be of other people; the scaling was fitted on those who trained, and gives them away.
    refitted = scaler_of(features, experiment.train_people)
    if not all(
        np.allclose(ours, theirs, rtol=1e-3, atol=1e-4)
        for ours, theirs in ((refitted.mean, scaler.mean), (refitted.deviation, scaler.deviation))
    ):
        raise FeaturesMismatch(f"{path} was trained on other samples than these")
    figures, _ = fold_figures(CosmicMethod(model, scaler, device, context=False), experiment)
    health = health_of(model, scaler, experiment, device)
    return {"figures": figures, "health": dataclasses.asdict(health), "progress": checkpoint.meta["progress"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    options = parser.parse_args()
    print(json.dumps(evaluate_checkpoint(options.checkpoint, load_features(options.features)), indent=2))


if __name__ == "__main__":
    main()
