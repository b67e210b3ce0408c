"""The loop that both fusion models are trained by: epochs, early stopping on validation identities, resumption.

State is written after every epoch, and every epoch begins from its own seed. A run that was killed and called again
therefore goes on from the last whole epoch and ends with the same weights (bit for bit on one CPU with one thread).
"""

from __future__ import annotations

import csv
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor
from tqdm import tqdm

from models.training.checkpoint import Checkpoint, load, save
from models.training.seeds import seed_everything

STATE, BEST, LOG = "state.safetensors", "best.safetensors", "log.csv"


class Diverged(RuntimeError):
    """The loss is not a number any more."""


class OtherRun(ValueError):
    """The folder holds a run with another configuration."""


class Learner(Protocol):
    """What is trained. A learner SHALL keep everything that changes in ``state``."""

    kind: str

    def state(self) -> dict[str, Tensor]:
        """All that training changes: weights, optimiser, loss balancing."""

    def load_state(self, tensors: dict[str, Tensor]) -> None: ...

    def weights(self) -> dict[str, Tensor]:
        """What inference needs."""

    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        """Train once over the data; the losses, by name."""

    def validate(self) -> float:
        """A cost on validation identities: lower is better."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """``patience``: epochs without a better validation cost before training stops."""

    epochs: int = 60
    patience: int = 12
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    best: Path
    epochs: int
    best_epoch: int
    best_cost: float
    seconds: float


def fit(learner: Learner, *, schedule: Schedule, folder: Path, meta: dict[str, Any], quiet: bool = False) -> Fitted:
    """Train, or go on training, in ``folder``; the best weights on validation identities end in ``best.safetensors``.

    Arguments:
        meta: plain JSON values stored with both files: configuration, revision, features.

    Raises:
        OtherRun: the folder was begun with another configuration.
        Diverged: a loss or the validation cost is not a number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    meta = {**meta, "kind": learner.kind}
    epoch, best_epoch, best_cost, seconds = _resume(learner, folder, meta)
    with tqdm(total=schedule.epochs, initial=epoch, desc=folder.name, unit="epoch", disable=quiet) as bar:
        while epoch < schedule.epochs and epoch - best_epoch < schedule.patience:
            started = time.perf_counter()
            epoch += 1
            losses = learner.run_epoch(epoch, seed_everything(schedule.seed, epoch=epoch))
            cost = learner.validate()
            if not all(map(math.isfinite, [cost, *losses.values()])):
                raise Diverged(f"epoch {epoch}: validation cost {cost}, losses {losses}")
            progress = {"epoch": epoch, "best_epoch": best_epoch, "best_cost": best_cost}
            if cost < best_cost:
                best_epoch, best_cost = epoch, cost
                progress |= {"best_epoch": epoch, "best_cost": cost}
                save(folder / BEST, Checkpoint(learner.weights(), {**meta, "progress": progress}))
            seconds += time.perf_counter() - started
            _log(folder / LOG, {"epoch": epoch, "validation": cost, **losses}, fresh=epoch == 1)
            save(folder / STATE, Checkpoint(learner.state(), {**meta, "progress": {**progress, "seconds": seconds}}))
            bar.set_postfix(validation=f"{cost:.4f}", best=f"{best_cost:.4f}")
            bar.update()
    return Fitted(folder / BEST, epoch, best_epoch, best_cost, seconds)


def _resume(learner: Learner, folder: Path, meta: dict[str, Any]) -> tuple[int, int, float, float]:
    """(epochs done, best epoch, its cost, seconds so far) of the run in ``folder``, whose state the learner takes over."""
    if not (folder / STATE).is_file():
        return 0, 0, math.inf, 0.0
    stored = load(folder / STATE, kind=learner.kind)
    # The revision may have moved on between two sittings; the configuration and the data may not.
    ours, theirs = ({key: value for key, value in one.items() if key != "revision"} for one in (meta, stored.meta))
    progress = theirs.pop("progress")
    if json.loads(json.dumps(ours)) != theirs:
        raise OtherRun(f"{folder} holds a run with another configuration or other data; choose another folder")
    learner.load_state(stored.tensors)
    return progress["epoch"], progress["best_epoch"], progress["best_cost"], progress["seconds"]


def _log(path: Path, values: dict[str, float], *, fresh: bool) -> None:
    """One line an epoch. A line that a killed run wrote for an epoch without state is written again below it."""
    with path.open("w" if fresh else "a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(values))
        if fresh:
            writer.writeheader()
        writer.writerow(values)
