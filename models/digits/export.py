"""The digit network to ONNX, held against PyTorch."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from models.digits.features import BANDS
from models.digits.network import DigitNetwork

OPSET = 17
LARGEST_DIFFERENCE = 1e-4


class ParityBroken(RuntimeError):
    """The exported network does not say what the trained one says."""


def export(network: DigitNetwork, path: Path) -> float:
    """Write ``path``; the largest difference of a log-probability to PyTorch.

    Input: ``input`` (n, frames, 40). Output: ``output`` (n, ceil(frames / 4), 11) log-probabilities.

    Raises:
        ParityBroken: a difference of LARGEST_DIFFERENCE or more; no file is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    network = network.cpu().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of shapes, which are constant here
        torch.onnx.export(
            network,
            (torch.rand(1, 200, BANDS),),
            str(path),
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "n", 1: "frames"}, "output": {0: "n", 1: "moments"}},
            opset_version=OPSET,
            dynamo=False,
        )
    difference = _difference(network, path)
    if not difference < LARGEST_DIFFERENCE:
        path.unlink()
        raise ParityBroken(f"{path.name} differs from PyTorch by {difference:.1e}")
    return difference


def _difference(network: DigitNetwork, path: Path) -> float:
    """Over several lengths and batch sizes."""
    session, generator = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), _seeded()
    largest = 0.0
    for count, frames in ((1, 98), (1, 401), (3, 250)):
        inputs = torch.randn(count, frames, BANDS, generator=generator)
        with torch.inference_mode():
            expected = network(inputs).numpy()
        (found,) = session.run(None, {"input": inputs.numpy()})
        largest = float(np.maximum(largest, np.abs(found - expected).max()))  # keeps a NaN
    return largest


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
