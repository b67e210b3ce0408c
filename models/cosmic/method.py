"""COSMIC as a way of comparing: the cosine of the probe's identity with the reference's."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from models.cosmic.config import CosmicConfig
from models.cosmic.model import Capture, Cosmic
from models.data.context import ContextScaler
from models.data.features import CONTEXT
from models.data.trials import Side
from models.training.checkpoint import Checkpoint
from models.training.configuration import merged
from models.training.experiment import SETTINGS, Matrix

KIND = "cosmic"


class CosmicMethod:
    """A trained network.

    Arguments:
        context: whether probes and references bring their context; a gallery of templates alone has none.
    """

    settings = SETTINGS

    def __init__(
        self, model: Cosmic, scaler: ContextScaler, device: torch.device, *, context: bool = True, name: str = "COSMIC"
    ) -> None:
        self.name = name
        self._model = model
        self._scaler = scaler
        self._device = device
        self._context = context

    def scores(self, probes: Side, references: Side) -> Matrix:
        # A gallery keeps no quality of its references: they count as good ones, as they do in the cascade.
        references = dataclasses.replace(references, quality=references.present.astype(np.float32))
        return (self.identities(probes) @ self.identities(references).T).double().numpy()

    def identities(self, side: Side) -> Tensor:
        """(n, d) on the CPU."""
        self._model.eval()
        with torch.inference_mode():
            return self._model(capture_of(side, self._scaler, self._device, context=self._context)).identity.cpu()


def capture_of(side: Side, scaler: ContextScaler, device: torch.device, *, context: bool = True) -> Capture:
    """A side of comparisons as the network takes it."""
    values, measured = scaler(side.context)
    present = torch.from_numpy(side.present)
    third = torch.from_numpy(measured)[:, None] if context else torch.zeros(len(side), 1, dtype=torch.bool)
    return Capture(
        *(
            tensor.to(device)
            for tensor in (
                torch.from_numpy(side.face),
                torch.from_numpy(side.voice),
                torch.from_numpy(values),
                torch.from_numpy(side.quality),
                torch.cat([present, third], 1),
            )
        )
    )


def restored(checkpoint: Checkpoint, device: torch.device) -> tuple[Cosmic, ContextScaler]:
    """The network of a checkpoint with its context scaling."""
    model = Cosmic(merged(CosmicConfig(), checkpoint.meta["config"]["model"])).to(device)
    weights = {
        name.removeprefix("model."): value for name, value in checkpoint.tensors.items() if name.startswith("model.")
    }
    model.load_state_dict(weights)
    model.eval()
    scaler = ContextScaler(
        *(checkpoint.tensors[f"scaler.{name}"].numpy().reshape(CONTEXT) for name in ("mean", "deviation"))
    )
    return model, scaler
