"""Light-ASD, rebuilt from the shapes of its published state dict.

Source: Liao et al., "A light weight model for active speaker detection", CVPR 2023 (MIT weights, trained on AVA). Two
encoders, whose 3-D filters are split into one over space (or coefficients) and one over time, each on a path of kernel
3 and one of kernel 5; their sum of features goes through one GRU forward and one back.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 112  # pixels of a face
COEFFICIENTS = 13  # of a sound frame
SOUND_FRAMES = 4  # a picture: 100 against 25 a second
GREY_MEAN, GREY_SCALE = 0.4161, 0.1688  # of the training pictures, on 0 to 1
STATE_PREFIX = "model."
NORM_EPSILON = 1e-3
KERNELS = (3, 5)


class SplitBlock(nn.Module):
    """Two paths of a filter over space and then one over time, added and mixed by channel.

    Arguments:
        across: name of the filters over space (``s``) or over coefficients (``m``), as the file calls them.
        stride: of the filters over space.
    """

    def __init__(self, state: Mapping[str, Tensor], name: str, across: str, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.across = across
        for kernel in KERNELS:
            self._add(state, name, f"{across}_{kernel}", stride)
            self._add(state, name, f"t_{kernel}", (1,) * len(stride))
        self._add(state, name, "last", (1,) * len(stride))

    def _add(self, state: Mapping[str, Tensor], name: str, part: str, stride: tuple[int, ...]) -> None:
        width, inputs, *kernel = state[f"{name}.{part}.weight"].shape
        kinds: tuple[Any, Any] = (nn.Conv3d, nn.BatchNorm3d) if len(kernel) == 3 else (nn.Conv2d, nn.BatchNorm2d)
        convolution, norm = kinds
        padding = tuple(side // 2 for side in kernel)
        self.add_module(part, convolution(inputs, width, tuple(kernel), stride, padding, bias=False))
        self.add_module(f"bn_{part}", norm(width, eps=NORM_EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        paths = [self._run(f"t_{kernel}", self._run(f"{self.across}_{kernel}", x)) for kernel in KERNELS]
        return self._run("last", paths[0] + paths[1])

    def _run(self, part: str, x: Tensor) -> Tensor:
        return torch.relu(getattr(self, f"bn_{part}")(getattr(self, part)(x)))


class VisualEncoder(nn.Module):
    """(1, 1, t, 112, 112) pictures to (1, t, 128)."""

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        self.block1 = SplitBlock(state, f"{name}.block1", "s", (1, 2, 2))
        self.block2 = SplitBlock(state, f"{name}.block2", "s", (1, 1, 1))
        self.block3 = SplitBlock(state, f"{name}.block3", "s", (1, 1, 1))
        self.pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.block1(x))
        x = self.pool(self.block2(x))
        return self.block3(x).amax((3, 4)).transpose(1, 2)


class AudioEncoder(nn.Module):
    """(n, 1, 13, 4t) coefficients to (n, t, 128)."""

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        self.block1 = SplitBlock(state, f"{name}.block1", "m", (1, 1))
        self.block2 = SplitBlock(state, f"{name}.block2", "m", (1, 1))
        self.block3 = SplitBlock(state, f"{name}.block3", "m", (1, 1))
        self.pool = nn.MaxPool2d((1, 3), (1, 2), (0, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.block1(x))
        x = self.pool(self.block2(x))
        return self.block3(x).mean(2).transpose(1, 2)


class TwoWayGru(nn.Module):
    """A GRU forward in time and, on what it says, one back."""

    def __init__(self, state: Mapping[str, Tensor], name: str) -> None:
        super().__init__()
        gates, width = state[f"{name}.gru_forward.weight_ih_l0"].shape
        self.gru_forward = nn.GRU(width, gates // 3, batch_first=True)
        self.gru_backward = nn.GRU(gates // 3, gates // 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.gru_forward(x)[0])
        x = self.gru_backward(x.flip(1))[0]
        return functional.gelu(x.flip(1))


class LightAsd(nn.Module):
    """The network whose weights are ``state`` (keys as published); one face against ``n`` sounds.

    Called with (t, 112, 112) grey faces, 0 to 255, at 25 a second, and (n, 4t, 13) cepstral coefficients of the same
    span at 100 a second; returns (n, t): positive where the face is the one that speaks.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        state = {key.removeprefix(STATE_PREFIX): value for key, value in state.items()}
        # The published file carries a second head, for pictures without sound, which served its training only.
        state = {key: value for key, value in state.items() if not key.startswith("lossV.")}
        self.visualEncoder = VisualEncoder(state, "visualEncoder")
        self.audioEncoder = AudioEncoder(state, "audioEncoder")
        self.GRU = TwoWayGru(state, "GRU")
        classes, width = state["lossAV.FC.weight"].shape
        self.lossAV = nn.ModuleDict({"FC": nn.Linear(width, classes)})
        self.load_state_dict(state)
        self.eval()

    def forward(self, faces: Tensor, sounds: Tensor) -> Tensor:
        pictures = (faces / 255 - GREY_MEAN) / GREY_SCALE
        seen = self.visualEncoder(pictures[None, None])
        heard = self.audioEncoder(sounds.transpose(1, 2)[:, None])
        logits = self.lossAV["FC"](self.GRU(seen + heard))
        return logits[..., 1] - logits[..., 0]


def export(weights: Path, target: Path) -> None:
    """The published weights as ONNX, with inputs ``faces`` and ``sounds`` and output ``scores``.

    Raises:
        KeyError, RuntimeError: the file holds another network.
    """
    module = LightAsd(torch.load(weights, map_location="cpu", weights_only=True))
    target.parent.mkdir(parents=True, exist_ok=True)
    # Two workers may do this at once: each writes a file of its own, and the last rename wins with the same content.
    descriptor, draft = tempfile.mkstemp(dir=target.parent, suffix=".onnx")
    os.close(descriptor)
    try:
        torch.onnx.export(
            module,
            (torch.rand(10, SIZE, SIZE) * 255, torch.rand(2, 10 * SOUND_FRAMES, COEFFICIENTS)),
            draft,
            input_names=["faces", "sounds"],
            output_names=["scores"],
            dynamic_axes={"faces": {0: "t"}, "sounds": {0: "n", 1: "f"}, "scores": {0: "n", 1: "t"}},
            opset_version=17,
            dynamo=False,  # the scripting exporter keeps a GRU as one ONNX node
        )
        Path(draft).replace(target)
    finally:
        Path(draft).unlink(missing_ok=True)
