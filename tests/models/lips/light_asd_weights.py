"""A made-up state dict with the names and shapes of Light-ASD's, as narrow as it may be."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

WIDTHS = (1, 2, 3, 4)
LAST = WIDTHS[-1]


def made_up_state() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    state: dict[str, Tensor] = {}

    def put(name: str, *shape: int) -> None:
        state[name] = torch.randn(shape, generator=generator) * 0.3

    for encoder, across in (("visualEncoder", "s"), ("audioEncoder", "m")):
        for block, (inputs, width) in enumerate(itertools.pairwise(WIDTHS), start=1):
            for part, entering, kernel in _filters(across, inputs, width):
                name = f"model.{encoder}.block{block}"
                put(f"{name}.{part}.weight", width, entering, *kernel)
                for value in ("weight", "bias", "running_mean"):
                    put(f"{name}.bn_{part}.{value}", width)
                state[f"{name}.bn_{part}.running_var"] = torch.ones(width)
                state[f"{name}.bn_{part}.num_batches_tracked"] = torch.tensor(1)
    for way in ("gru_forward", "gru_backward"):
        for value in ("weight_ih_l0", "weight_hh_l0"):
            put(f"model.GRU.{way}.{value}", 3 * LAST, LAST)
        for value in ("bias_ih_l0", "bias_hh_l0"):
            put(f"model.GRU.{way}.{value}", 3 * LAST)
    for head in ("lossAV", "lossV"):
        put(f"{head}.FC.weight", 2, LAST)
        put(f"{head}.FC.bias", 2)
    return state


def _filters(across: str, inputs: int, width: int) -> list[tuple[str, int, tuple[int, ...]]]:
    """Name, channels that enter, and kernel of a block's filters."""
    if across == "s":
        return [
            *((f"s_{side}", inputs, (1, side, side)) for side in (3, 5)),
            *((f"t_{side}", width, (side, 1, 1)) for side in (3, 5)),
            ("last", width, (1, 1, 1)),
        ]
    return [
        *((f"m_{side}", inputs, (side, 1)) for side in (3, 5)),
        *((f"t_{side}", width, (1, side)) for side in (3, 5)),
        ("last", width, (1, 1)),
    ]
