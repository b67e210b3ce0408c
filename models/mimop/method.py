"""MIMOP-FAME-CEBS as a way of comparing: the log-odds of the fused opinion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from models.data.trials import Side
from models.mimop.config import MimopConfig
from models.mimop.model import Mimop
from models.training.checkpoint import Checkpoint
from models.training.experiment import SETTINGS, Matrix

KIND = "mimop"
ROWS = 20_000  # comparisons at a time


class MimopMethod:
    """A trained network."""

    settings = SETTINGS

    def __init__(self, model: Mimop, device: torch.device, *, name: str = "MIMOP") -> None:
        self.name = name
        self._model = model
        self._device = device

    def scores(self, probes: Side, references: Side) -> Matrix:
        self._model.eval()
        step = max(1, ROWS // len(references))
        parts = [
            self._compared(probes, torch.arange(start, min(start + step, len(probes))), references)
            for start in range(0, len(probes), step)
        ]
        return torch.cat(parts).double().cpu().numpy()

    def _compared(self, probes: Side, rows: Tensor, references: Side) -> Tensor:
        count = len(references)
        first, second = rows.repeat_interleave(count).numpy(), torch.arange(count).repeat(len(rows)).numpy()
        with torch.inference_mode():
            fused = self._model(*inputs_of(probes.take(first), references.take(second), self._device))
        return fused.log_odds.view(len(rows), count)


def inputs_of(probes: Side, references: Side, device: torch.device) -> tuple[Tensor, ...]:
    """What ``Mimop`` takes, from n probes and n references."""
    arrays: tuple[Any, ...] = (
        probes.face,
        references.face,
        probes.voice,
        references.voice,
        probes.quality,
        probes.present & references.present,
    )
    return tuple(torch.from_numpy(array).to(device) for array in arrays)


def restored(checkpoint: Checkpoint, device: torch.device) -> Mimop:
    """The network of a checkpoint."""
    model = Mimop(MimopConfig.from_dict(checkpoint.meta["config"]["model"])).to(device)
    model.load_state_dict(
        {
            name.removeprefix("model."): tensor
            for name, tensor in checkpoint.tensors.items()
            if name.startswith("model.")
        }
    )
    return model.eval()
