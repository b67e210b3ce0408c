"""A module run through a real ONNX export and ONNX Runtime, for the tests that compare both."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def run_exported(module: nn.Module, example: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> NDArray[np.float32]:
    """The one output of ``module``, exported with ``example`` and a free batch axis, for ``inputs`` of another length."""
    assert len(example[0]) != len(inputs[0]), "another batch length than the example's, or the free axis goes untested"
    names = [f"input_{index}" for index in range(len(example))]
    graph = io.BytesIO()
    torch.onnx.export(
        module.eval(),
        example,
        graph,
        input_names=names,
        output_names=["output"],
        dynamic_axes={name: {0: "n"} for name in [*names, "output"]},
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(graph.getvalue(), providers=["CPUExecutionProvider"])
    return session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})[0]
