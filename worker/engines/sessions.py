"""ONNX Runtime sessions, and PyTorch weights turned into them once.

Weights published as PyTorch state dicts are exported to ONNX on first use and kept in the state folder under their
hash, so that a worker does not import PyTorch to start.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnxruntime as ort

from models.registry import Places, locate, models

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How networks run: ``threads`` a network, ONNX Runtime ``providers`` in order of preference."""

    threads: int = 2
    providers: tuple[str, ...] = ("CPUExecutionProvider",)


def open_session(path: Path, options: SessionOptions) -> ort.InferenceSession:
    """Load a network. A provider that this build of ONNX Runtime lacks is passed over, never an error."""
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    # A session's threads spin after each run, and so take the processor from the next session's: with five small
    # networks on 2 cores one frame took 51 ms with spinning and 18 ms without.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    available = ort.get_available_providers()
    providers = [name for name in options.providers if name in available] or ["CPUExecutionProvider"]
    return ort.InferenceSession(str(path), settings, providers=providers)


def exported(
    name: str, places: Places, build: Callable[[dict[str, Tensor]], nn.Module], example: tuple[int, ...]
) -> Path:
    """The ONNX file of model ``name``, made from its PyTorch weights when it is not there yet.

    Arguments:
        build: state dict to module, in evaluation mode.
        example: shape of an input; its first axis is left free.

    Raises:
        models.errors.ModelMissing, models.errors.WrongHash: from the registry.
    """
    weights = locate(name, places)
    target = places.downloads / "exported" / f"{name}-{models()[name].sha256[:16]}.onnx"
    if not target.is_file():
        _export(weights, target, build, example)
    return target


def _export(
    weights: Path, target: Path, build: Callable[[dict[str, Tensor]], nn.Module], example: tuple[int, ...]
) -> None:
    import torch  # slow to import, and only needed here

    state = torch.load(weights, map_location="cpu", weights_only=True)
    module = build(state)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Two workers may do this at once: each writes a file of its own, and the last rename wins with the same content.
    descriptor, draft = tempfile.mkstemp(dir=target.parent, suffix=".onnx")
    os.close(descriptor)
    try:
        torch.onnx.export(
            module,
            (torch.rand(example),),
            draft,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n"}, "output": {0: "n"}},
            opset_version=17,
            dynamo=False,  # the scripting exporter keeps an LSTM as one ONNX LSTM node
        )
        Path(draft).replace(target)
    finally:
        Path(draft).unlink(missing_ok=True)
