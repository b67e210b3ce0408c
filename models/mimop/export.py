"""Three ONNX graphs of one model: fused, face only, voice only. Each is one file, with nothing beside it.

Probes and references have free batch axes of their own: one probe (1, width) against n references is embedded once.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from models.mimop.evidence import Opinion, log_odds
from models.mimop.model import Mimop

OPSET = 17
FUSED_FILE = "fused.onnx"
FACE_FILE = "face.onnx"
VOICE_FILE = "voice.onnx"
OUTPUTS = ("belief", "disbelief", "uncertainty", "conflict", "log_odds")
TOLERANCE = 1e-4
PARITY_ROWS = ((1, 1), (7, 7), (1, 10), (64, 64))  # probes, references


class ParityLost(RuntimeError):
    """An exported graph does not compute what the model computes."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A module of tensors alone, and the widths and names of its inputs; the last input is the quality of the probe."""

    module: nn.Module
    inputs: tuple[tuple[str, int], ...]


def export_fused(model: Mimop, path: Path) -> None:
    """Inputs face_probe, face_reference (n, F), voice_probe, voice_reference (n, V), quality (n, 2) to ``OUTPUTS`` (n,).

    Both modalities are taken to be present. Probes and quality may have one row for all references. A conflict of
    exactly 1 is total conflict, and must be refused. ``ParityLost``: the file differs from the model; it is removed.
    """
    _export(_fused(model), path)


def export_face(model: Mimop, path: Path) -> None:
    """Inputs probe, reference (n, F), quality (n, 1) to ``OUTPUTS`` (n,), conflict being 0. ``ParityLost`` as above."""
    _export(_face(model), path)


def export_voice(model: Mimop, path: Path) -> None:
    """Inputs probe, reference (n, V), quality (n, 1) to ``OUTPUTS`` (n,), conflict being 0. ``ParityLost`` as above."""
    _export(_voice(model), path)


def check_parity(model: Mimop, folder: Path) -> float:
    """Largest absolute difference of any output between the model and the three files in ``folder``, by random inputs.

    The files are ``FUSED_FILE``, ``FACE_FILE`` and ``VOICE_FILE``.
    """
    graphs = ((_fused(model), FUSED_FILE), (_face(model), FACE_FILE), (_voice(model), VOICE_FILE))
    return max(_difference(graph, folder / name) for graph, name in graphs)


class _FusedModule(nn.Module):
    def __init__(self, model: Mimop) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, face_probe: Tensor, face_reference: Tensor, voice_probe: Tensor, voice_reference: Tensor, quality: Tensor
    ) -> tuple[Tensor, ...]:
        fused = self.model(face_probe, face_reference, voice_probe, voice_reference, quality)
        return _outputs(fused.opinion, fused.conflict)


class _FaceModule(nn.Module):
    def __init__(self, model: Mimop) -> None:
        super().__init__()
        self.model = model

    def forward(self, probe: Tensor, reference: Tensor, quality: Tensor) -> tuple[Tensor, ...]:
        opinion = self.model.face_opinion(probe, reference, quality)
        return _outputs(opinion, torch.zeros_like(opinion.belief))


class _VoiceModule(nn.Module):
    def __init__(self, model: Mimop) -> None:
        super().__init__()
        self.model = model

    def forward(self, probe: Tensor, reference: Tensor, quality: Tensor) -> tuple[Tensor, ...]:
        opinion = self.model.voice_opinion(probe, reference, quality)
        return _outputs(opinion, torch.zeros_like(opinion.belief))


def _outputs(opinion: Opinion, conflict: Tensor) -> tuple[Tensor, ...]:
    return opinion.belief, opinion.disbelief, opinion.uncertainty, conflict, log_odds(opinion)


def _fused(model: Mimop) -> Graph:
    face, voice = model.config.face_width, model.config.voice_width
    widths = (("face_probe", face), ("face_reference", face), ("voice_probe", voice), ("voice_reference", voice))
    return Graph(_frozen(_FusedModule(model)), (*widths, ("quality", 2)))


def _face(model: Mimop) -> Graph:
    width = model.config.face_width
    return Graph(_frozen(_FaceModule(model)), (("probe", width), ("reference", width), ("quality", 1)))


def _voice(model: Mimop) -> Graph:
    width = model.config.voice_width
    return Graph(_frozen(_VoiceModule(model)), (("probe", width), ("reference", width), ("quality", 1)))


def _frozen(module: nn.Module) -> nn.Module:
    """A copy for export on the CPU: the model in training stays as and where it is."""
    return copy.deepcopy(module).cpu().float().eval().requires_grad_(False)


def _export(graph: Graph, path: Path) -> None:
    names = [name for name, _ in graph.inputs]
    axes = {name: {0: "references" if "reference" in name else "probes"} for name in names}
    axes |= {"quality": {0: "qualities"}} | {name: {0: "n"} for name in OUTPUTS}
    with warnings.catch_warnings():
        # The exporter by tracing announces its end; these graphs have no branch that it could lose.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            graph.module,
            _random_inputs(graph, 2, 2, seed=0),
            str(path),
            input_names=names,
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(path), full_check=True)
    difference = _difference(graph, path)
    if not difference < TOLERANCE:  # not a number is no parity either
        path.unlink()
        raise ParityLost(f"{path.name} differs from the model by {difference:.2e}; {TOLERANCE:.0e} is allowed")


def _difference(graph: Graph, path: Path) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for seed, (probes, references) in enumerate(PARITY_ROWS):
        inputs = _random_inputs(graph, probes, references, seed=seed)
        with torch.no_grad():
            expected = graph.module(*inputs)
        feeds = {name: value.numpy() for (name, _), value in zip(graph.inputs, inputs, strict=True)}
        found = session.run(list(OUTPUTS), feeds)
        for wanted, got in zip(expected, found, strict=True):
            largest = float(np.maximum(largest, np.abs(wanted.numpy() - got).max()))  # keeps a NaN
    return largest


def _random_inputs(graph: Graph, probes: int, references: int, *, seed: int) -> tuple[Tensor, ...]:
    """Unit probes, references from very alike to unrelated, and any quality."""
    generator = torch.Generator().manual_seed(seed)
    inputs: list[Tensor] = []
    for name, width in graph.inputs[:-1]:
        rows = references if "reference" in name else probes
        drawn = nn.functional.normalize(torch.randn(rows, width, generator=generator))
        if "reference" in name:
            likeness = torch.linspace(1.0, 0.0, rows)[:, None]
            drawn = nn.functional.normalize(likeness * inputs[-1] + (1.0 - likeness) * drawn)
        inputs.append(drawn)
    quality = torch.rand(probes, graph.inputs[-1][1], generator=generator)
    return (*inputs, quality)
