"""The two MesoNets: published deepfake detectors that the gate is measured against. No part of the cascade.

Afchar et al., "MesoNet: a compact facial video forgery detection network", WIFS 2018. The weights are published as
Keras HDF5; their convolutions are numbered in the order in which the networks use them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 256
KERAS_EPSILON = 1e-3  # of its batch normalisation
LEAK = 0.1
HIDDEN = 16

Layers = dict[str, dict[str, NDArray[np.float32]]]  # layer: name of the array: array


class Inception(nn.Module):
    """Four ways beside each other: 1x1, and 1x1 followed by 3x3 whose pixels lie one, two and three apart."""

    def __init__(self, before: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        first, *others = widths
        self.plain = nn.Conv2d(before, first, 1)
        self.ways = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(before, width, 1), nn.Conv2d(width, width, 3, padding=apart, dilation=apart)])
            for apart, width in enumerate(others, start=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        found = [F.relu(self.plain(x))]
        for way in self.ways:
            small, wide = way.children()
            found.append(F.relu(wide(F.relu(small(x)))))
        return torch.cat(found, dim=1)


class Plain(nn.Module):
    """One convolution."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.only = nn.Conv2d(before, after, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.only(x))


class MesoNet(nn.Module):
    """(n, 3, SIZE, SIZE) RGB, 0 to 1, to (n,) logits, positive for bona fide."""

    def __init__(self, *, inception: bool) -> None:
        super().__init__()
        if inception:
            start = [Inception(3, (1, 4, 4, 2)), Inception(11, (2, 4, 4, 2)), Plain(12, 16, 5)]
        else:
            start = [Plain(3, 8, 3), Plain(8, 8, 5), Plain(8, 16, 5)]
        self.stages = nn.ModuleList([*start, Plain(16, 16, 5)])
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, eps=KERAS_EPSILON) for width in _widths(inception))
        self.hidden, self.head = nn.Linear(16 * 8 * 8, HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, x: Tensor) -> Tensor:
        for stage, norm, smaller in zip(self.stages, self.norms, (2, 2, 2, 4), strict=True):
            x = F.max_pool2d(norm(stage(x)), smaller)
        flat = x.permute(0, 2, 3, 1).flatten(1)  # Keras keeps the channels last
        return self.head(F.leaky_relu(self.hidden(flat), LEAK)).squeeze(1)


def load_mesonet(path: Path) -> MesoNet:
    """The network whose published weights lie in a Keras HDF5 file, in evaluation mode.

    Raises:
        ImportError: h5py is not installed; COSMIC does not need it otherwise.
        ValueError: the file holds other layers than a MesoNet.
    """
    return from_layers(_layers(path))


def from_layers(layers: Layers) -> MesoNet:
    """Raises ValueError when these are no layers of a MesoNet."""
    convolutions, norms, dense = (_in_order(layers, kind) for kind in ("conv2d", "batch_normalization", "dense"))
    network = MesoNet(inception=len(convolutions) > 4)
    found = [module for module in network.stages.modules() if isinstance(module, nn.Conv2d)]
    if (len(convolutions), len(norms), len(dense)) != (len(found), 4, 2):
        raise ValueError("these are not the layers of a MesoNet")
    with torch.no_grad():
        for module, arrays in zip(found, convolutions, strict=True):
            _fill(module.weight, arrays["kernel"].transpose(3, 2, 0, 1))
            _fill(module.bias, arrays["bias"])
        for norm, arrays in zip(network.norms, norms, strict=True):
            for ours, theirs in NORM_ARRAYS.items():
                _fill(getattr(norm, ours), arrays[theirs])
        for linear, arrays in zip((network.hidden, network.head), dense, strict=True):
            _fill(linear.weight, arrays["kernel"].T)
            _fill(linear.bias, arrays["bias"])
    return network.eval()


NORM_ARRAYS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def _widths(inception: bool) -> tuple[int, int, int, int]:
    return (11, 12, 16, 16) if inception else (8, 8, 16, 16)


def _in_order(layers: Layers, kind: str) -> list[dict[str, NDArray[np.float32]]]:
    numbers = {name: int(name.rpartition("_")[2]) for name in layers if name.rpartition("_")[0] == kind}
    return [layers[name] for name in sorted(numbers, key=numbers.__getitem__)]


def _fill(place: Tensor | None, array: NDArray[np.float32]) -> None:
    if place is None or place.shape != array.shape:
        raise ValueError(f"an array of shape {array.shape} has no place in a MesoNet")
    place.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def _layers(path: Path) -> Layers:
    try:
        import h5py
    except ImportError as error:
        raise ImportError("reading published MesoNet weights takes h5py: pip install h5py") from error
    with h5py.File(path) as file:
        return {
            layer: {name.split(":")[0]: np.array(values, np.float32) for name, values in group[layer].items()}
            for layer, group in file.items()
            if layer in group
        }
