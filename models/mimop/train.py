"""``python -m models.mimop.train --config models/mimop/configs/base.toml --features features.sqlite --out runs/mimop``

Searches the fusion cell on the fold's own training and validation people where the configuration asks for it, then
trains the found cell from the start. Trains one fold or all of them, in folders that a second call goes on with.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.data.features import Features
from models.data.load import load
from models.data.pairs import Pairs, PairSampler
from models.data.trials import trials_of
from models.mimop.choices import Cell
from models.mimop.config import MimopConfig
from models.mimop.method import KIND, MimopMethod, inputs_of
from models.mimop.model import Mimop
from models.mimop.objective import Batch, Weights, objective
from models.mimop.search import Supernet, read_cell, search, write_cell
from models.mimop.start import start_from
from models.training.checkpoint import optimiser_tensors, restore_optimiser
from models.training.command import add_arguments, chosen_device, chosen_folds
from models.training.configuration import merged, read_toml
from models.training.experiment import Experiment
from models.training.fold import experiment_of, meta_of
from models.training.loop import Fitted, Schedule, fit
from models.training.seeds import seed_everything
from models.training.validation import validation_cost

CELL = "cell.json"
SEARCH_DRAWINGS = 3


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training run. ``search_steps``: of the supernet; 0 keeps the cell of the configuration.

    The FAME term's cross-modal part is off: on chimeric people face and voice have nothing in common to learn.
    """

    model: MimopConfig = field(default_factory=lambda: MimopConfig(face_width=512, voice_width=256))
    weights: Weights = field(default_factory=lambda: Weights(cross_modal=0.0))
    schedule: Schedule = field(default_factory=Schedule)
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    batches: int = 40
    probes: int = 96
    impostors: int = 3
    drop: float = 0.3
    search_steps: int = 600
    folds: int = 5
    split_seed: int = 0
    drawings: int = 16


class MimopLearner:
    """MIMOP on the training people of one fold."""

    kind = KIND

    def __init__(
        self, config: TrainConfig, experiment: Experiment, device: torch.device, *, supernet: Supernet | None = None
    ) -> None:
        seed_everything(config.schedule.seed)
        self._config = config
        self._experiment = experiment
        self._device = device
        self.model = Mimop(config.model, supernet).to(device)
        self._sampler = PairSampler(
            training_populations(experiment), probes=config.probes, impostors=config.impostors, drop=config.drop
        )
        start_from(self.model, batch_of(self._sampler.whole(np.random.default_rng(config.schedule.seed)), device))
        self._optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def state(self) -> dict[str, Tensor]:
        return {**self.weights(), **optimiser_tensors(self._optimiser)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        weights = {name.removeprefix("model."): one for name, one in tensors.items() if name.startswith("model.")}
        self.model.load_state_dict(weights)
        restore_optimiser(self._optimiser, tensors)

    def weights(self) -> dict[str, Tensor]:
        return {f"model.{name}": value for name, value in self.model.state_dict().items()}

    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        totals: dict[str, float] = {}
        for _ in range(self._config.batches):
            parts = self.step(draw, progress=(epoch - 1) / max(1, self._config.schedule.epochs - 1))
            totals = {name: totals.get(name, 0.0) + value for name, value in parts.items()}
        return {name: value / self._config.batches for name, value in totals.items()}

    def step(self, draw: np.random.Generator, *, progress: float) -> dict[str, float]:
        self.model.train()
        batch = batch_of(self._sampler.draw(draw), self._device)
        total, parts = objective(self.model, batch, self._config.weights, progress=progress)
        self._optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self._optimiser.step()
        return parts

    def validate(self) -> float:
        return validation_cost(self.method(), self._experiment.validation)

    def method(self) -> MimopMethod:
        return MimopMethod(self.model, self._device)


def training_populations(experiment: Experiment) -> list:
    """Chimeras with both modalities, and one population each of those left with a face, or a voice, alone."""
    people = experiment.train_people
    alone = [
        [one for one in people if not len(one.voice)],
        [one for one in people if not len(one.face)],
    ]
    seed = experiment.seed
    return experiment.train + [trials_of(experiment.features, one, seed=seed) for one in alone if len(one) > 1]


def batch_of(pairs: Pairs, device: torch.device) -> Batch:
    face_probe, face_reference, voice_probe, voice_reference, quality, present = inputs_of(
        pairs.probes, pairs.references, device
    )
    return Batch(
        face_probe=face_probe,
        face_reference=face_reference,
        voice_probe=voice_probe,
        voice_reference=voice_reference,
        quality=quality,
        present=present,
        labels=torch.from_numpy(pairs.label).to(device),
        genuine=torch.from_numpy(pairs.genuine).to(device),
    )


def train_fold(
    config: TrainConfig, features: Features, fold: int, folder: Path, device: torch.device, *, quiet: bool = False
) -> Fitted:
    """Search, where asked for, and train one fold in ``folder``; the widths come from the features."""
    network = replace(config.model, face_width=features.face.width, voice_width=features.voice.width)
    config = replace(config, model=network)
    experiment = experiment_of(config, features, fold)
    if config.search_steps:
        cell = found_cell(config, experiment, folder, device)
        config = replace(config, model=replace(config.model, cell=cell))
    learner = MimopLearner(config, experiment, device)
    return fit(learner, schedule=config.schedule, folder=folder, meta=meta_of(config, features, fold), quiet=quiet)


def found_cell(config: TrainConfig, experiment: Experiment, folder: Path, device: torch.device) -> Cell:
    """The cell that single-path one-shot search finds on the fold's training and validation people, written down."""
    path = folder / CELL
    if path.is_file():
        return read_cell(path)
    seed_everything(config.schedule.seed)  # the paths draw their first weights
    supernet = Supernet()
    # The search judges the cells themselves; discounting of the edisc variant comes on top of the found one.
    plain = replace(config, model=replace(config.model, edisc=False))
    learner = MimopLearner(plain, experiment, device, supernet=supernet)
    draw = np.random.default_rng([config.schedule.seed, 1])
    taken = 0

    def train_step(cell: Cell) -> None:
        nonlocal taken
        learner.step(draw, progress=taken / config.search_steps)
        taken += 1

    def score(cell: Cell) -> float:
        # A few drawings of chimeras are enough to rank 405 cells, and all of them would take an hour.
        return -validation_cost(learner.method(), experiment.validation[:SEARCH_DRAWINGS])

    result = search(supernet, train_step, score, steps=config.search_steps, seed=config.schedule.seed)
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    write_cell(draft, result)
    draft.replace(path)
    return result.cell


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, Path(__file__).parent / "configs" / "base.toml")
    options = parser.parse_args()
    config = merged(TrainConfig(), read_toml(options.config))
    features = load(options.features)
    for fold in chosen_folds(options.fold, config.folds):
        fitted = train_fold(config, features, fold, options.out / f"fold{fold}", chosen_device(options.device))
        print(f"fold {fold}: best cost {fitted.best_cost:.4f} at epoch {fitted.best_epoch}, {fitted.seconds:.0f} s")


if __name__ == "__main__":
    main()
