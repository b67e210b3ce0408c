"""``python -m models.liveness.pretrain_vit --pictures crops/ --config models/liveness/configs/vit_small.toml --out runs/vit``

Pre-trains the face gate's vision transformer by DINO (Caron et al., ICCV 2021) on pictures without labels: face crops as
the gate will see them. A second call goes on with what is in ``--out``. Knows no Django.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn

from models.liveness.dino import (
    Branch,
    DinoConfig,
    DinoLoss,
    Pair,
    ProjectionHead,
    collapse_of,
    cosine,
    teacher_temperature,
)
from models.liveness.dino_crops import CropConfig, MultiCrop, Picture, View, pictures_under, read_picture
from models.liveness.vit import VisionTransformer, VitConfig, published_vit, vit_from
from models.training.checkpoint import BadCheckpoint, git_revision, load, optimiser_tensors, restore_optimiser
from models.training.command import chosen_device
from models.training.configuration import merged, read_toml
from models.training.loop import Fitted, Schedule, fit
from models.training.seeds import seed_everything

KIND = "liveness-vit-dino"
BACKBONE = "backbone."
BATCH_OF_RATE = 256  # the learning rate is told for so many pictures a batch and grows with them


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """One pre-training run.

    Arguments:
        epochs, batch: how long, and how many pictures a step sees.
        learning_rate: for 256 pictures a batch, after ``warmup`` epochs; it falls to ``last_rate`` by a cosine.
        weight_decay, last_decay: at the start and at the end.
        largest_gradient: norm over all weights.
        threads: that read and distort pictures; the result does not depend on them.
    """

    vit: VitConfig = field(default_factory=VitConfig)
    crops: CropConfig = field(default_factory=CropConfig)
    dino: DinoConfig = field(default_factory=DinoConfig)
    epochs: int = 100
    batch: int = 256
    learning_rate: float = 5e-4
    last_rate: float = 1e-6
    warmup: int = 10
    weight_decay: float = 0.04
    last_decay: float = 0.4
    largest_gradient: float = 3.0
    threads: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.crops.large != self.vit.image:
            raise ValueError("large crops must be as large as vit.image: the positions are learned on them")
        if self.crops.small % self.vit.patch:
            raise ValueError("vit.patch must divide the small crops")
        if self.epochs < 1 or self.batch < 2 or self.threads < 1:
            raise ValueError("at least one epoch, two pictures a batch and one thread are needed")


class DinoLearner:
    """Student and teacher over pictures without labels."""

    kind = KIND

    def __init__(self, config: PretrainConfig, paths: Sequence[Path], device: torch.device) -> None:
        if len(paths) < config.batch:
            raise ValueError(f"a batch takes {config.batch} pictures; there are {len(paths)}")
        seed_everything(config.seed)
        self._config, self._paths, self._device = config, list(paths), device
        self._crop = MultiCrop(config.crops)
        student = Branch(VisionTransformer(config.vit), ProjectionHead(config.vit.width, config.dino))
        self.pair = Pair(student).to(device)
        self._loss = DinoLoss(config.dino).to(device)
        self._optimiser = torch.optim.AdamW(_groups(self.pair.student))
        self._epoch = 0

    @property
    def steps(self) -> int:
        """Of an epoch; pictures that fill no batch wait for another one's order."""
        return len(self._paths) // self._config.batch

    def state(self) -> dict[str, Tensor]:
        pair = {f"pair.{name}": value for name, value in self.pair.state_dict().items()}
        return {**pair, "centre": self._loss.centre, **optimiser_tensors(self._optimiser)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.pair.load_state_dict(_under("pair.", tensors))
        self._loss.load_state_dict({"centre": tensors["centre"]})
        restore_optimiser(self._optimiser, tensors)

    def weights(self) -> dict[str, Tensor]:
        """The teacher's backbone, which the authors found the better one throughout."""
        return {f"{BACKBONE}{name}": value for name, value in self.pair.teacher.backbone.state_dict().items()}

    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        self._epoch = epoch
        self.pair.train()
        order = draw.permutation(len(self._paths))
        sums = np.zeros(3)
        with ThreadPoolExecutor(self._config.threads) as pool:
            for step in range(self.steps):
                chosen = order[step * self._config.batch : (step + 1) * self._config.batch]
                views = pool.map(lambda index: self._views(int(index), epoch), chosen)
                sums += self._step([torch.from_numpy(np.stack(one)) for one in zip(*views, strict=True)], epoch, step)
        return dict(zip(("loss", "entropy", "spread"), (sums / self.steps).tolist(), strict=True))

    def validate(self) -> float:
        """Minus the epoch: the lowest of DINO's losses is not the best network, so the last epoch always counts."""
        return -float(self._epoch)

    def _views(self, index: int, epoch: int) -> list[View]:
        """A picture's crops depend on seed, epoch and picture, not on who else is in the batch."""
        picture: Picture = read_picture(self._paths[index])
        return self._crop(picture, np.random.default_rng([self._config.seed, epoch, index]))

    def _step(self, views: list[Tensor], epoch: int, step: int) -> list[float]:
        config = self._config
        way = (epoch - 1 + step / self.steps) / config.epochs
        self._set_pace(way)
        crops = [view.to(self._device) for view in views]
        temperature = teacher_temperature(config.dino, epoch)
        taught = self.pair.teach(crops)
        loss = self._loss(self.pair.student(crops), taught, len(crops), temperature)
        self._optimiser.zero_grad()
        loss.backward()
        if epoch <= config.dino.frozen_epochs:
            self.pair.student.head.last.grad = None
        nn.utils.clip_grad_norm_(self.pair.student.parameters(), config.largest_gradient)
        self._optimiser.step()
        signs = collapse_of(self._loss.targets(taught, temperature))
        self._loss.move_centre(taught)
        self.pair.follow(cosine(config.dino.teacher_momentum, 1.0, way))
        return [float(loss.detach()), signs.entropy, signs.spread]

    def _set_pace(self, way: float) -> None:
        config = self._config
        top = config.learning_rate * config.batch / BATCH_OF_RATE
        warm = min(config.warmup / config.epochs, 1.0)
        rate = top * way / warm if way < warm else cosine(top, config.last_rate, (way - warm) / max(1 - warm, 1e-9))
        for group in self._optimiser.param_groups:
            group["lr"] = rate
            group["weight_decay"] = cosine(config.weight_decay, config.last_decay, way) if group["decays"] else 0.0


def pretrain(
    config: PretrainConfig, paths: Sequence[Path], folder: Path, device: torch.device, *, quiet: bool = False
) -> Fitted:
    """Train, or go on training, in ``folder``; the backbone of the last epoch ends in ``best.safetensors``.

    Raises:
        ValueError: too few pictures, or one that cannot be read.
        models.training.loop.OtherRun, Diverged: from the loop.
    """
    return run(DinoLearner(config, paths, device), config, paths, folder, quiet=quiet)


def run(
    learner: DinoLearner, config: PretrainConfig, paths: Sequence[Path], folder: Path, *, quiet: bool = False
) -> Fitted:
    meta = {"config": dataclasses.asdict(config), "pictures": digest(paths), "revision": git_revision()}
    never = config.epochs + 1
    return fit(learner, schedule=Schedule(config.epochs, never, config.seed), folder=folder, meta=meta, quiet=quiet)


def load_backbone(path: Path) -> VisionTransformer:
    """The backbone that ``pretrain`` left, or the authors' own (``.pth``, loaded as tensors only).

    Raises:
        BadCheckpoint: the file holds none.
    """
    if path.suffix == ".pth":
        return _published(path)
    stored = load(path, kind=KIND)
    try:
        return vit_from(stored.meta["config"]["vit"], _under(BACKBONE, stored.tensors))
    except (KeyError, ValueError) as error:
        raise BadCheckpoint(f"{path} holds no backbone ({error}); give best.safetensors of the run") from error


def _published(path: Path) -> VisionTransformer:
    try:
        return published_vit(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, UnpicklingError, ValueError, AttributeError) as error:
        raise BadCheckpoint(f"{path} holds no published backbone ({error})") from error


def untrained_backbone(config: Path, seed: int) -> VisionTransformer:
    """The network of a configuration file as it is before any training: what a trained one is held against."""
    seed_everything(seed)
    return VisionTransformer(merged(PretrainConfig(), read_toml(config)).vit)


def digest(paths: Sequence[Path]) -> str:
    """Of the pictures' names and sizes, so that a run is not taken up with other pictures."""
    lines = "".join(f"{path.parent.name}/{path.name} {path.stat().st_size}\n" for path in paths)
    return hashlib.sha256(lines.encode()).hexdigest()


def _groups(student: nn.Module) -> list[dict[str, object]]:
    """Matrices and the patches' filters decay; biases, norms, class token and positions do not."""
    weights = [one for one in student.parameters() if one.dim() in (2, 4)]
    others = [one for one in student.parameters() if one.dim() not in (2, 4)]
    return [{"params": weights, "decays": True}, {"params": others, "decays": False}]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, nargs="+", required=True, help="folders of face crops")
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "vit_small.toml")
    parser.add_argument("--out", type=Path, required=True, help="a folder; a second call goes on with what is there")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    options = parser.parse_args()
    config = merged(PretrainConfig(), read_toml(options.config))
    fitted = pretrain(config, pictures_under(options.pictures), options.out, chosen_device(options.device))
    print(f"{fitted.best}: {fitted.epochs} epochs in {fitted.seconds:.0f} s; entropies are in log.csv")


if __name__ == "__main__":
    main()
