"""The small network that tells blended faces from real ones, trained on self-blended images.

Shiohara and Yamasaki (CVPR 2022) train an EfficientNet-B4 of 19 million weights; this one is a residual network (He et
al., CVPR 2016) of 0.34 million, so that a server without a graphics card runs it on every frame. It sees brightness
only, because most pictures at hand to train on are grey, and beside it what small blurs take away, where borders and
statistics that do not fit show (after the fixed filters of Fridrich and Kodovsky, "Rich models for steganalysis", 2012).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.deepfake.faces import SIZE

WIDTHS = (16, 32, 64, 96)
CELLS = SIZE // 2 ** (len(WIDTHS) - 1)
DETAIL = 4.0  # fine detail is weak: it is made about as strong as the brightness
DROPOUT = 0.2


class Residual(nn.Module):
    """Two convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _convolution(width, width, stride=1)
        self.second = _convolution(width, width, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class BlendingNetwork(nn.Module):
    """(n, 1, SIZE, SIZE) brightness, 0 to 255, to (n,) logits, positive for bona fide."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        steps = []
        for before, width in zip((3, *widths), widths, strict=False):
            steps.append(nn.Sequential(_convolution(before, width, stride=2), nn.ReLU(), Residual(width)))
        self.near, self.far = nn.Sequential(*steps[:-1]), steps[-1]
        self.border = nn.Conv2d(widths[-2], 1, 1)
        self.drop = nn.Dropout(DROPOUT)
        self.head = nn.Linear(2 * widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.with_borders(x)[0]

    def with_borders(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, and (n, 1, CELLS, CELLS) logits of a border running through each cell, which only training needs.

        Being told where the border is teaches far sooner than being told that there is one (Face X-ray, CVPR 2020).
        """
        x = x / 127.5 - 1
        details = [DETAIL * (x - _smooth(x, around)) for around in (1, 2)]
        cells = self.near(torch.cat([x, *details], dim=1))
        features = self.far(cells)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        return self.head(self.drop(pooled)).squeeze(1), self.border(cells)


def export_network(network: BlendingNetwork, path: Path) -> None:
    """Write the network as ONNX: ``input`` (n, 1, SIZE, SIZE) to ``output`` (n,)."""
    network = network.cpu().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (torch.rand(2, 1, SIZE, SIZE) * 255,),
        str(path),
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )


def _smooth(x: Tensor, around: int) -> Tensor:
    return F.avg_pool2d(F.pad(x, (around,) * 4, mode="replicate"), 2 * around + 1, stride=1)


def _convolution(before: int, after: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after))
