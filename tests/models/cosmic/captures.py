"""Small COSMIC networks and captures for the tests of the joined model."""

from __future__ import annotations

import torch

from models.cosmic.config import CHANGES, CosmicConfig, TrainConfig, variant
from models.cosmic.model import Capture, Cosmic

SMALL = CosmicConfig(face_width=10, voice_width=7, context_width=9, hidden=16, identity=12, latent=6)
VARIANTS = tuple(CHANGES)
# Face, voice, context; face or voice is always there.
SUBSETS = [(1, 1, 1), (1, 1, 0), (1, 0, 1), (1, 0, 0), (0, 1, 1), (0, 1, 0)]


def network(name: str = "A1", *, seed: int = 0) -> Cosmic:
    torch.manual_seed(seed)
    return Cosmic(variant(TrainConfig(model=SMALL), name).model)


def capture(rows: int = 5, present: tuple[int, int, int] = (1, 1, 1), *, seed: int = 1) -> Capture:
    draw = torch.Generator().manual_seed(seed)
    return Capture(
        *(torch.randn(rows, width, generator=draw) for width in (10, 7, 9)),
        torch.rand(rows, 2, generator=draw),
        torch.tensor([present], dtype=torch.bool).expand(rows, 3).clone(),
    )
