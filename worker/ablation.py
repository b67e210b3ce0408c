"""The ablation: every variant of COSMIC, the baselines and MIMOP on the same folds and the same trials.

A variant's figures are written when its fold is done, so that a killed run goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from models.cosmic import config as cosmic_config
from models.cosmic import train as cosmic_train
from models.cosmic.health import health_of
from models.cosmic.method import CosmicMethod
from models.cosmic.method import restored as restored_cosmic
from models.data.features import Features
from models.evaluation.ablation import AblationRow
from models.mimop import train as mimop_train
from models.mimop.method import MimopMethod
from models.mimop.method import restored as restored_mimop
from models.training.checkpoint import load
from models.training.experiment import Experiment, Method
from models.training.figures import fold_figures
from models.training.fold import experiment_of, samples_of
from models.training.score_fusion import CosineMethod, LogisticFusion, SumOfScores

FIGURES, RUN = "figures.json", "run.json"
NETWORKS = tuple(cosmic_config.CHANGES)
MIMOP = ("MIMOP", "MIMOP-edisc")
SCORES = ("face", "voice", "B2", "B4", "B4q")
VARIANTS = ("A1", "A2", "A3", "A4", "A5", "A6", "A7", "compact", "B1", "B2", "B3", "B4", "B4q", *MIMOP, "face", "voice")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: ``folds`` of the split that both configurations name.

    Raises:
        ValueError: they name different splits, so that one would be trained on people that the other is tested on; or
            the split has fewer folds.
    """

    variants: tuple[str, ...]
    folds: int
    out: Path
    cosmic: cosmic_config.TrainConfig
    mimop: mimop_train.TrainConfig
    device: torch.device

    def __post_init__(self) -> None:
        ours, theirs = ((one.folds, one.split_seed) for one in (self.cosmic, self.mimop))
        if ours != theirs:
            raise ValueError(f"COSMIC's (folds, split_seed) are {ours}, MIMOP's {theirs}; one table takes one split")
        if not 1 <= self.folds <= self.cosmic.folds:
            raise ValueError(f"--folds {self.folds}: the split has {self.cosmic.folds}")


def chosen_variants(name: str) -> tuple[str, ...]:
    """``all``, or names joined by commas; a name that comes twice is run once.

    Raises:
        ValueError: there is no such variant.
    """
    if name == "all":
        return VARIANTS
    names = tuple(dict.fromkeys(name.split(",")))
    unknown = sorted(set(names) - set(VARIANTS))
    if unknown:
        raise ValueError(f"no variant {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    return names


def run(plan: Plan, features: Features) -> Iterator[AblationRow]:
    """One row a variant and fold, as it is done; known ones are read and not run again.

    Raises:
        ValueError: the folder holds figures of another configuration or other features.
    """
    _hold_to_one_run(plan, features)
    for fold in range(plan.folds):
        experiment = experiment_of(plan.cosmic, features, fold)
        for name in plan.variants:
            folder = plan.out / name / f"fold{fold}"
            path = folder / FIGURES
            if not path.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                figures = _figures(plan, features, experiment, name, folder)
                draft = path.with_suffix(".draft")
                draft.write_text(json.dumps(figures, indent=1) + "\n")
                draft.replace(path)
            yield AblationRow(name, fold, json.loads(path.read_text()))


def _hold_to_one_run(plan: Plan, features: Features) -> None:
    """Write down what the figures in the folder rest on, or refuse to add figures that rest on something else."""
    rests_on = {
        "cosmic": dataclasses.asdict(plan.cosmic),
        "mimop": dataclasses.asdict(plan.mimop),
        "features": dataclasses.asdict(features.header),
        "samples": samples_of(features),
    }
    path = plan.out / RUN
    if path.is_file() and json.loads(path.read_text()) != json.loads(json.dumps(rests_on)):
        raise ValueError(f"{plan.out} holds figures of another configuration or other features; choose another --out")
    plan.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rests_on, indent=1) + "\n")


def _figures(plan: Plan, features: Features, experiment: Experiment, name: str, folder: Path) -> dict[str, float]:
    method, extra = _method(plan, features, experiment, name, folder)
    figures, sets = fold_figures(method, experiment)
    for setting, scores in sets.items():
        scores.named(f"{name}, {setting}").save(folder / f"{setting.replace('+', '_')}.npz")
    return {**figures, **extra}


def _method(
    plan: Plan, features: Features, experiment: Experiment, name: str, folder: Path
) -> tuple[Method, dict[str, float]]:
    """The fitted method, and what else is worth a column: seconds of training, health of the embedding."""
    if name in NETWORKS:
        return _cosmic(plan, features, experiment, name, folder)
    if name in MIMOP:
        config = dataclasses.replace(
            plan.mimop, model=dataclasses.replace(plan.mimop.model, edisc=name == "MIMOP-edisc")
        )
        fitted = mimop_train.train_fold(config, features, experiment.fold.index, folder, plan.device)
        model = restored_mimop(load(fitted.best), plan.device)
        return MimopMethod(model, plan.device, name=name), {"seconds": fitted.seconds, "epochs": fitted.epochs}
    if name in ("face", "voice"):
        return CosineMethod(name, ("face", "voice").index(name)), {}
    if name == "B2":
        return SumOfScores(experiment.train), {}
    return LogisticFusion(experiment.train, quality=name == "B4q"), {}


def _cosmic(
    plan: Plan, features: Features, experiment: Experiment, name: str, folder: Path
) -> tuple[Method, dict[str, float]]:
    config = cosmic_config.variant(plan.cosmic, name)
    fitted = cosmic_train.train_fold(config, features, experiment.fold.index, folder, plan.device)
    model, scaler = restored_cosmic(load(fitted.best), plan.device)
    health = dataclasses.asdict(health_of(model, scaler, experiment, plan.device))
    extra = {f"health: {key}": float(value) for key, value in health.items() if value is not None}
    method = CosmicMethod(model, scaler, plan.device, context=False, name=name)
    return method, {"seconds": fitted.seconds, "epochs": fitted.epochs, **extra}
