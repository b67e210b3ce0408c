"""``python -m models.liveness.export_vit --gate runs/vit-pad/gate.safetensors --out vit_pad.onnx``

The face gate's vision transformer to ONNX, for any number of pictures at once. Pixels are scaled inside the graph, and size
and crop stand in the file, so that nothing about preprocessing is guessed. Loaded by ``worker.engines.vit_pad``.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from models.liveness.dino_crops import SIDES
from models.liveness.finetune_vit import KIND
from models.liveness.vit import VitGate, vit_from
from models.training.checkpoint import BadCheckpoint, load

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
ONNX_KIND = "cosmic-vit-pad"
BATCHES = (1, 3, 8)


class ParityBroken(RuntimeError):
    """The exported network does not say what the trained one says."""


def load_gate(path: Path) -> tuple[VitGate, float]:
    """The network that ``finetune_vit`` left, and the threshold of its log-likelihood ratio.

    Raises:
        BadCheckpoint: the file holds none.
    """
    stored = load(path, kind=KIND)
    start = "backbone."
    backbone = {name.removeprefix(start): value for name, value in stored.tensors.items() if name.startswith(start)}
    try:
        gate = VitGate(vit_from(stored.meta["vit"], backbone))
        gate.load_state_dict(stored.tensors)
        return gate.eval(), float(stored.meta["threshold"])
    except (KeyError, ValueError, RuntimeError) as error:
        raise BadCheckpoint(f"{path} holds no gate ({error})") from error


def export(gate: VitGate, path: Path, *, threshold: float, size: int | None = None, sides: float = SIDES) -> float:
    """Write ``path``; the largest difference to PyTorch.

    Input ``input`` (n, 3, size, size) RGB 0 to 255; output ``logit`` (n,), the log-likelihood ratio of bona fide.

    Arguments:
        threshold: of the logit, noted in the file.
        size: of the pictures; the positions are interpolated once when it is not the network's own.
        sides: how many face squares wide the training crops were.

    Raises:
        ParityBroken: a difference of LARGEST_DIFFERENCE or more; no file is left behind.
    """
    size = size or gate.backbone.config.image
    fixed = VitGate(gate.backbone.at_size(size))
    fixed.head.load_state_dict(gate.head.state_dict())
    fixed.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as beside:
        draft = Path(beside) / path.name
        _write(fixed, draft, size, {"kind": ONNX_KIND, "size": size, "sides": sides, "threshold": threshold})
        difference = _difference(gate.eval(), draft, size)
        if not difference < LARGEST_DIFFERENCE:
            raise ParityBroken(f"{path.name} differs from PyTorch by {difference:.1e}; it was not written")
        draft.replace(path)
    return difference


def _write(gate: VitGate, target: Path, size: int, notes: dict[str, object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of checks of shapes, which are constant here
        torch.onnx.export(
            gate,
            (_pixels(2, size),),
            str(target),
            input_names=["input"],
            output_names=["logit"],
            dynamic_axes={"input": {0: "n"}, "logit": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
    graph = onnx.load(target)
    onnx.helper.set_model_props(graph, {name: str(value) for name, value in notes.items()})
    onnx.save(graph, target)


def _difference(gate: VitGate, path: Path, size: int) -> float:
    """Against the network before its positions were fixed, over several batch sizes."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in BATCHES:
        pixels = _pixels(count, size)
        with torch.inference_mode():
            expected = gate(pixels).numpy()
        (found,) = session.run(["logit"], {"input": pixels.numpy()})
        largest = float(np.maximum(largest, np.abs(found - expected).max()))  # keeps a NaN
    return largest


def _pixels(count: int, size: int) -> torch.Tensor:
    return 255 * torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=Path, required=True, help="gate.safetensors of finetune_vit")
    parser.add_argument("--out", type=Path, required=True, help="an ONNX file")
    parser.add_argument("--size", type=int, help="of the pictures in pixels; the network's own when left out")
    parser.add_argument("--sides", type=float, default=SIDES, help="width of the training crops in face squares")
    options = parser.parse_args()
    gate, threshold = load_gate(options.gate)
    difference = export(gate, options.out, threshold=threshold, size=options.size, sides=options.sides)
    print(f"{options.out}: within {difference:.1e} of PyTorch; refuse below a logit of {threshold:.3f}")


if __name__ == "__main__":
    main()
