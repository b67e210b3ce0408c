"""COSMIC to ONNX: an encoder for face and voice together, for face alone and for voice alone, without context.

A gallery holds templates and no context, so what the cascade compares has none either. ONNX has no Cholesky: the solver
iterates (conjugate gradients), which the parity check holds against PyTorch's factorisation.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from models.cosmic.model import Capture, Cosmic

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
FUSED, FACE, VOICE = "fused", "face", "voice"


class ParityBroken(RuntimeError):
    """The exported network does not say what the trained one says."""


class Encoder(nn.Module):
    """Embeddings and qualities to identities, with ``present`` fixed."""

    def __init__(self, model: Cosmic, kind: str) -> None:
        super().__init__()
        self.model = model
        self.kind = kind

    def forward(self, *inputs: Tensor) -> Tensor:
        identity = self.model.encode(self.capture(*inputs))
        # Without the solver nothing asks for the quality, and the exporter would leave the input out.
        return identity if self.model.solver is not None else identity + 0.0 * inputs[-1].sum(1, keepdim=True)

    def capture(self, *inputs: Tensor) -> Capture:
        config, first, quality = self.model.config, inputs[0], inputs[-1]
        nothing = first.new_zeros(first.shape[0], 1)
        face = first if self.kind != VOICE else nothing.expand(-1, config.face_width)
        voice = inputs[-2] if self.kind != FACE else nothing.expand(-1, config.voice_width)
        qualities = quality if self.kind == FUSED else torch.cat([quality, quality], 1)
        present = torch.cat([(nothing + float(self.kind != one)) > 0.5 for one in (VOICE, FACE)] + [nothing > 0.5], 1)
        return Capture(face, voice, nothing.expand(-1, config.context_width), qualities, present)

    def example(self, count: int, seed: int = 0) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(seed)
        config = self.model.config
        widths = {
            FACE: [config.face_width],
            VOICE: [config.voice_width],
            FUSED: [config.face_width, config.voice_width],
        }
        vectors = [
            nn.functional.normalize(torch.randn(count, width, generator=draw), dim=1) for width in widths[self.kind]
        ]
        return (*vectors, torch.rand(count, len(vectors), generator=draw))


def export(model: Cosmic, folder: Path) -> dict[str, float]:
    """Write ``fused.onnx``, ``face.onnx`` and ``voice.onnx``; the largest difference to PyTorch of each.

    Inputs: ``face`` (n, width) and ``voice`` (n, width) as far as the file takes them, ``quality`` (n, 2) or (n, 1).
    Output: ``identity`` (n, d), unit norm.

    Raises:
        ParityBroken: a difference of LARGEST_DIFFERENCE or more; none of the three files is left behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = model.cpu().eval()
    differences = {}
    for kind in (FUSED, FACE, VOICE):
        encoder = Encoder(model, kind).eval()
        path = folder / f"{kind}.onnx"
        names = [*([FACE, VOICE] if kind == FUSED else [kind]), "quality"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer warns of checks of shapes, which are constant here
            torch.onnx.export(
                encoder,
                encoder.example(2),
                str(path),
                input_names=names,
                output_names=["identity"],
                dynamic_axes={name: {0: "n"} for name in [*names, "identity"]},
                opset_version=OPSET,
                dynamo=False,
            )
        differences[kind] = _difference(encoder, path, names)
        if not differences[kind] < LARGEST_DIFFERENCE:
            # The three belong together: with one missing, or one of an earlier model, they would not compare.
            for one in (FUSED, FACE, VOICE):
                (folder / f"{one}.onnx").unlink(missing_ok=True)
            raise ParityBroken(f"{path.name} differs from PyTorch by {differences[kind]:.1e}")
    return differences


def _difference(encoder: Encoder, path: Path, names: list[str]) -> float:
    """Against the factorising solver, over several batch sizes."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    largest = 0.0
    for count in (1, 7, 64):
        inputs = encoder.example(count, seed=count)
        with torch.inference_mode():
            expected = encoder.model(encoder.capture(*inputs)).identity.numpy()
        (found,) = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
        largest = float(np.maximum(largest, np.abs(found - expected).max()))  # keeps a NaN
    return largest
