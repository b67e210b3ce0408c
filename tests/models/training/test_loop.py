"""Training stops, resumes and stores as it promises."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from models.training import checkpoint as checkpoints
from models.training.checkpoint import BadCheckpoint, Checkpoint
from models.training.configuration import merged
from models.training.loop import BEST, LOG, STATE, Diverged, OtherRun, Schedule, fit


class Line:
    """Learns a line by noisy steps, which draw from all three sources of chance."""

    kind = "line"

    def __init__(self, *, killed_after: int | None = None, costs: list[float] | None = None) -> None:
        self.layer = torch.nn.Linear(3, 1)
        with torch.no_grad():
            self.layer.weight.fill_(1.0)
            self.layer.bias.fill_(0.0)
        self.optimiser = torch.optim.AdamW(self.layer.parameters(), lr=0.05)
        self.killed_after = killed_after
        self.costs = costs
        self.epochs = 0

    def state(self) -> dict[str, Tensor]:
        return {**self.weights(), **checkpoints.optimiser_tensors(self.optimiser)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        self.layer.load_state_dict({name: tensors[name] for name in ("weight", "bias")})
        checkpoints.restore_optimiser(self.optimiser, tensors)

    def weights(self) -> dict[str, Tensor]:
        return dict(self.layer.state_dict())

    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        if self.killed_after is not None and epoch > self.killed_after:
            raise KeyboardInterrupt
        self.epochs = epoch
        x = torch.randn(8, 3) + float(draw.standard_normal()) + float(np.random.standard_normal())
        loss = (self.layer(x) - x.sum(1, keepdim=True)).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return {"loss": loss.item()}

    def validate(self) -> float:
        return self.costs[self.epochs - 1] if self.costs else float(self.layer.weight.square().sum())


def trained(folder: Path, learner: Line, *, epochs: int = 8, patience: int = 99, meta: dict | None = None):
    return fit(
        learner, schedule=Schedule(epochs, patience, seed=5), folder=folder, meta=meta or {"config": 1}, quiet=True
    )


def test_a_killed_run_ends_as_an_unbroken_one(tmp_path: Path):
    trained(tmp_path / "unbroken", Line())
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "broken", Line(killed_after=3))

    trained(tmp_path / "broken", Line())

    unbroken, broken = (checkpoints.load(tmp_path / name / STATE) for name in ("unbroken", "broken"))
    for name, value in unbroken.tensors.items():
        assert torch.equal(value, broken.tensors[name]), name
    assert len((tmp_path / "broken" / LOG).read_text().splitlines()) == 9


def test_training_stops_when_validation_does_not_get_better(tmp_path: Path):
    fitted = trained(tmp_path, Line(costs=[5.0, 3.0, 4.0, 4.0, 4.0, 1.0, 0.0, 0.0]), patience=3)

    assert (fitted.epochs, fitted.best_epoch, fitted.best_cost) == (5, 2, 3.0)
    assert checkpoints.load(tmp_path / BEST, kind="line").meta["progress"]["best_epoch"] == 2


def test_a_finished_run_is_not_trained_again(tmp_path: Path):
    first = trained(tmp_path, Line())
    learner = Line(killed_after=0)

    assert trained(tmp_path, learner) == first


def test_another_configuration_does_not_go_on_with_a_run(tmp_path: Path):
    trained(tmp_path, Line(), meta={"config": 1, "revision": "a"})
    trained(tmp_path, Line(), meta={"config": 1, "revision": "b"})

    with pytest.raises(OtherRun):
        trained(tmp_path, Line(), meta={"config": 2, "revision": "b"})


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path):
    with pytest.raises(Diverged, match="epoch 2"):
        trained(tmp_path, Line(costs=[1.0, math.nan]))


def test_a_pickle_is_refused_and_not_run(tmp_path: Path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    (tmp_path / "evil.safetensors").write_bytes(pickle.dumps(Payload()))

    with pytest.raises(BadCheckpoint, match="safetensors"):
        checkpoints.load(tmp_path / "evil.safetensors")
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path):
    checkpoints.save(tmp_path / "one.safetensors", Checkpoint({"a": torch.ones(2)}, {"kind": "line"}))

    assert checkpoints.load(tmp_path / "one.safetensors", kind="line").tensors["a"].tolist() == [1.0, 1.0]
    with pytest.raises(BadCheckpoint, match="not cosmic"):
        checkpoints.load(tmp_path / "one.safetensors", kind="cosmic")


@pytest.mark.parametrize(
    ("values", "message"),
    [({"epoch": 3}, "has no epoch"), ({"epochs": "many"}, "should be of type int"), ({"epochs": True}, "type int")],
)
def test_a_wrong_configuration_names_what_is_wrong(values: dict, message: str):
    with pytest.raises(ValueError, match=message):
        merged(Schedule(), values)
