"""MiniFASNet, a small network for presentation attack detection, rebuilt from the shapes in its state dict.

Source: Minivision, "Silent-Face-Anti-Spoofing" (Apache-2.0 weights). The backbone follows MobileFaceNet (Chen et al.,
2018) with pruned widths, which the published files carry; V1SE adds squeeze-and-excitation (Hu et al., CVPR 2018) to
the last block of each group. Input (n, 3, 80, 80) BGR 0 to 255; output (n, 3) logits, of which class 1 is bona fide.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

BONA_FIDE = 1
INPUT_SIZE = 80
PREFIX = "module."
# Where the picture is halved; every other block keeps its size.
STRIDES = {"conv1": 2, "conv_23": 2, "conv_34": 2, "conv_45": 2}
GROUPS = {"conv_3": 4, "conv_4": 6, "conv_5": 2}
ORDER = ("conv1", "conv2_dw", "conv_23", "conv_3", "conv_34", "conv_4", "conv_45", "conv_5", "conv_6_sep", "conv_6_dw")


class ConvBlock(nn.Module):
    """Convolution, batch normalisation and, where the file has one, a PReLU."""

    def __init__(self, weight: Tensor, *, stride: int, padding: int, activated: bool) -> None:
        super().__init__()
        width, per_group, kernel, _ = weight.shape
        depthwise = per_group == 1
        inputs = width if depthwise else per_group
        groups = width if depthwise else 1
        self.conv = nn.Conv2d(inputs, width, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.prelu = nn.PReLU(width) if activated else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.prelu(self.bn(self.conv(x)))


class SqueezeExcitation(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.fc2 = nn.Conv2d(hidden, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.relu(self.bn1(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(self.bn2(self.fc2(gate)))


class Bottleneck(nn.Module):
    """Expand, filter by channel, project; ``residual`` adds the input back."""

    def __init__(self, state: Mapping[str, Tensor], name: str, *, stride: int, residual: bool) -> None:
        super().__init__()
        self.conv = _block(state, f"{name}.conv", stride=1, padding=0)
        self.conv_dw = _block(state, f"{name}.conv_dw", stride=stride, padding=1)
        self.project = _block(state, f"{name}.project", stride=1, padding=0)
        self.residual = residual
        gate = state.get(f"{name}.se_module.fc1.weight")
        self.se_module = SqueezeExcitation(gate.shape[1], gate.shape[0]) if gate is not None else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.se_module(self.project(self.conv_dw(self.conv(x))))
        return x + out if self.residual else out


class Group(nn.Module):
    def __init__(self, state: Mapping[str, Tensor], name: str, blocks: int) -> None:
        super().__init__()
        self.model = nn.Sequential(
            *(Bottleneck(state, f"{name}.model.{index}", stride=1, residual=True) for index in range(blocks))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class MiniFASNet(nn.Module):
    """The network whose weights are ``state`` (keys as published, with or without ``module.``)."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        state = {key.removeprefix(PREFIX): value for key, value in state.items()}
        self.conv1 = _block(state, "conv1", stride=STRIDES["conv1"], padding=1)
        self.conv2_dw = _block(state, "conv2_dw", stride=1, padding=1)
        for name in ("conv_23", "conv_34", "conv_45"):
            self.add_module(name, Bottleneck(state, name, stride=STRIDES[name], residual=False))
        for name, blocks in GROUPS.items():
            self.add_module(name, Group(state, name, blocks))
        self.conv_6_sep = _block(state, "conv_6_sep", stride=1, padding=0)
        self.conv_6_dw = _block(state, "conv_6_dw", stride=1, padding=0)
        hidden, features = state["linear.weight"].shape
        self.linear = nn.Linear(features, hidden, bias=False)
        self.bn = nn.BatchNorm1d(hidden)
        self.prob = nn.Linear(hidden, state["prob.weight"].shape[0], bias=False)
        self.load_state_dict(state)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        for name in ORDER:
            x = getattr(self, name)(x)
        return self.prob(self.bn(self.linear(x.flatten(1))))


def _block(state: Mapping[str, Tensor], name: str, *, stride: int, padding: int) -> ConvBlock:
    weight = state[f"{name}.conv.weight"]
    return ConvBlock(weight, stride=stride, padding=padding, activated=f"{name}.prelu.weight" in state)
