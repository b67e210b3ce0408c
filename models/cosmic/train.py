"""``python -m models.cosmic.train --config models/cosmic/configs/full.toml --features features.sqlite --out runs/cosmic``

Trains one fold or all of them, in folders that a second call goes on with. Knows no Django.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.cosmic.balancing.combine import Balancer
from models.cosmic.config import TrainConfig
from models.cosmic.method import KIND, CosmicMethod, capture_of
from models.cosmic.model import Cosmic
from models.cosmic.start import start_from
from models.cosmic.tasks import PROTECTED, Tasks
from models.data.batches import Batches
from models.data.context import scaler_of
from models.data.features import Features
from models.data.load import load
from models.training.checkpoint import optimiser_tensors, restore_optimiser
from models.training.command import add_arguments, chosen_device, chosen_folds
from models.training.configuration import merged, read_toml
from models.training.experiment import Experiment
from models.training.fold import experiment_of, meta_of
from models.training.loop import Fitted, fit
from models.training.seeds import seed_everything
from models.training.validation import validation_cost

LARGEST_GRADIENT = 5.0
# A gallery keeps no context, so half of the training goes without: the rest of the network must not lean on it.
CONTEXT_DROPPED = 0.5


class CosmicLearner:
    """COSMIC on the training people of one fold."""

    kind = KIND

    def __init__(self, config: TrainConfig, experiment: Experiment, device: torch.device) -> None:
        seed_everything(config.schedule.seed)
        self._experiment = experiment
        self._device = device
        self._batches = Batches(experiment.features, experiment.train_people, config.sampling)
        self._scaler = scaler_of(experiment.features, experiment.train_people)
        self.model = Cosmic(config.model).to(device)
        start_from(self.model, *training_embeddings(experiment, device))
        self._tasks = Tasks(self.model, config, len(experiment.train_people)).to(device)
        protected = [self._tasks.names.index(task) for task in PROTECTED]
        self._balancer = Balancer(config.balancing, len(self._tasks.names), protected).to(device)
        self._parameters = [*self.model.parameters(), *self._tasks.parameters()]
        self._optimiser = torch.optim.AdamW(
            [*self._parameters, *self._balancer.parameters()], lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def state(self) -> dict[str, Tensor]:
        tasks = {f"tasks.{name}": value for name, value in self._tasks.state_dict().items()}
        return {**self.weights(), **tasks, **self._balancer.tensors(), **optimiser_tensors(self._optimiser)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.model.load_state_dict(_under("model.", tensors))
        self._tasks.load_state_dict(_under("tasks.", tensors))
        self._balancer.restore(tensors)
        restore_optimiser(self._optimiser, tensors)

    def weights(self) -> dict[str, Tensor]:
        scaler = {
            "scaler.mean": torch.from_numpy(self._scaler.mean),
            "scaler.deviation": torch.from_numpy(self._scaler.deviation),
        }
        return {**{f"model.{name}": value for name, value in self.model.state_dict().items()}, **scaler}

    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        self.model.train()
        total = torch.zeros(len(self._tasks.names))
        count = 0
        for batch in self._batches.epoch(draw):
            capture = capture_of(batch.side, self._scaler, self._device, context=draw.random() >= CONTEXT_DROPPED)
            losses = self._tasks(self.model, capture, torch.from_numpy(batch.label).to(self._device), epoch)
            self._balancer.backward(losses, self._parameters)
            torch.nn.utils.clip_grad_norm_(self._parameters, LARGEST_GRADIENT)
            self._optimiser.step()
            total += torch.stack([loss.detach() for loss in losses]).cpu()
            count += 1
        return dict(zip(self._tasks.names, (total / count).tolist(), strict=True))

    def validate(self) -> float:
        return validation_cost(self.method(), self._experiment.validation)

    def method(self) -> CosmicMethod:
        # Judged as the cascade will use it: without context.
        return CosmicMethod(self.model, self._scaler, self._device, context=False)


def training_embeddings(experiment: Experiment, device: torch.device) -> tuple[Tensor, Tensor]:
    """(n, width) of faces and of voices of the training people."""
    face, voice = (
        side.embeddings[np.concatenate(rows)]
        for side, rows in (
            (experiment.features.face, [one.face for one in experiment.train_people]),
            (experiment.features.voice, [one.voice for one in experiment.train_people]),
        )
    )
    return torch.from_numpy(face).to(device), torch.from_numpy(voice).to(device)


def train_fold(
    config: TrainConfig, features: Features, fold: int, folder: Path, device: torch.device, *, quiet: bool = False
) -> Fitted:
    """Train one fold in ``folder``; the widths of the embeddings come from the features."""
    network = dataclasses.replace(config.model, face_width=features.face.width, voice_width=features.voice.width)
    config = dataclasses.replace(config, model=network)
    experiment = experiment_of(config, features, fold)
    learner = CosmicLearner(config, experiment, device)
    return fit(learner, schedule=config.schedule, folder=folder, meta=meta_of(config, features, fold), quiet=quiet)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, Path(__file__).parent / "configs" / "full.toml")
    options = parser.parse_args()
    config = merged(TrainConfig(), read_toml(options.config))
    features = load(options.features)
    for fold in chosen_folds(options.fold, config.folds):
        fitted = train_fold(config, features, fold, options.out / f"fold{fold}", chosen_device(options.device))
        print(f"fold {fold}: best cost {fitted.best_cost:.4f} at epoch {fitted.best_epoch}, {fitted.seconds:.0f} s")


if __name__ == "__main__":
    main()
