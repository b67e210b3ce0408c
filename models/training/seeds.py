"""One seed for everything that draws. A run that is taken up at an epoch draws what an unbroken run would have drawn,
because every epoch begins from the seed and its own number."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_everything(seed: int, *, epoch: int = 0) -> np.random.Generator:
    """Seed Python, NumPy and PyTorch (CPU and CUDA) for one epoch; returns a generator for what the loop draws itself."""
    mixed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # some libraries draw from the global state
    torch.manual_seed(mixed)
    return np.random.default_rng([seed, epoch])
