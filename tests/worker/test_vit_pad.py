"""The vision transformer of the face gate: loaded from its file, cropped as it was trained, and never a pass by accident."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from models.liveness.export_vit import export
from models.liveness.vit import VisionTransformer, VitConfig, VitGate
from worker.engines.sessions import SessionOptions
from worker.engines.types import DetectedFace
from worker.engines.vit_pad import VitPad, face_crop

SIZE = 16


def face_at(x: float, y: float, distance: float) -> DetectedFace:
    """A face whose eyes and mouth lie ``distance`` pixels apart around (x, y)."""
    half = distance / 2
    points = [(x - half, y - half), (x + half, y - half), (x, y), (x - half / 2, y + half), (x + half / 2, y + half)]
    box = (x - distance, y - distance, 2 * distance, 2 * distance)
    return DetectedFace(box=box, points=np.array(points, np.float32), score=0.9)


def network() -> VitGate:
    torch.manual_seed(0)
    model = VitGate(VisionTransformer(VitConfig(image=SIZE, patch=8, width=12, depth=1, heads=2, start=0.2))).eval()
    nn.init.normal_(model.head.weight)
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[VitGate, Path]:
    model, path = network(), tmp_path_factory.mktemp("vit") / "vit_pad.onnx"
    export(model, path, threshold=0.0, sides=1.5)
    return model, path


IMAGE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


def test_the_ratio_is_the_trained_networks_word_on_the_crop(exported: tuple[VitGate, Path]):
    model, path = exported
    face = face_at(80, 60, 20)

    found = VitPad(path, SessionOptions()).logit(IMAGE, face)

    crop = torch.from_numpy(face_crop(IMAGE, face, sides=1.5, size=SIZE)).permute(2, 0, 1)[None].float()
    assert found == pytest.approx(float(model(crop).detach()), abs=1e-4)


@pytest.mark.parametrize(("threshold", "passes"), [(-1e3, True), (1e3, False)])
def test_the_gate_takes_the_median_and_refuses_below_the_files_threshold(
    tmp_path: Path, threshold: float, passes: bool
):
    path = tmp_path / "vit_pad.onnx"
    export(network(), path, threshold=threshold, sides=1.5)
    gate = VitPad(path, SessionOptions())
    frames = [(IMAGE, face_at(x, 60, 20)) for x in (60, 80, 100)]

    reading = gate.judge(frames)

    assert reading.passed is passes
    assert reading.llr == pytest.approx(float(np.median([gate.logit(*frame) for frame in frames])))
    with pytest.raises(ValueError, match="no frames"):
        gate.judge([])


def test_a_network_that_says_nothing_does_not_pass(tmp_path: Path):
    model = network()
    export(model, tmp_path / "vit.onnx", threshold=0.0)
    graph = onnx.load(tmp_path / "vit.onnx")
    for weights in graph.graph.initializer:
        if weights.name == "head.bias":
            weights.CopyFrom(onnx.numpy_helper.from_array(np.array([np.nan], np.float32), weights.name))
    onnx.save(graph, tmp_path / "vit.onnx")

    with pytest.raises(ValueError, match="no number"):
        VitPad(tmp_path / "vit.onnx", SessionOptions()).logit(IMAGE, face_at(80, 60, 20))


def test_another_network_is_refused_when_it_is_loaded(tmp_path: Path, exported: tuple[VitGate, Path]):
    graph = onnx.load(exported[1])
    onnx.helper.set_model_props(graph, {"kind": "something else"})
    onnx.save(graph, tmp_path / "other.onnx")

    with pytest.raises(ValueError, match="vision transformer"):
        VitPad(tmp_path / "other.onnx", SessionOptions())


def test_the_crop_is_centred_and_as_wide_as_asked_for():
    image = np.zeros((400, 400, 3), np.uint8)
    image[:, :, 0] = np.arange(400) * 255 // 400  # brighter to the right

    crop = face_crop(image, face_at(200, 200, 40), sides=2.0, size=64)

    reds = crop[32, :, 0].astype(float) * 400 / 255
    assert np.mean(reds) == pytest.approx(200, abs=3)
    assert reds[-1] - reds[0] == pytest.approx(2.0 * 2.29 * 40, rel=0.05)


@pytest.mark.parametrize(("x", "y"), [(2, 60), (158, 60), (80, 2), (80, 118)])
def test_at_the_edge_the_crop_is_pushed_inside_and_not_padded(x: float, y: float):
    bright = np.full_like(IMAGE, 200)

    crop = face_crop(bright, face_at(x, y, 20), sides=1.6, size=SIZE)

    assert crop.shape == (SIZE, SIZE, 3)
    assert (crop == 200).all()


def test_a_face_larger_than_the_picture_takes_all_that_is_there():
    crop = face_crop(IMAGE, face_at(80, 60, 300), sides=1.6, size=120)

    assert np.array_equal(crop, IMAGE[:, 20:140])


@pytest.mark.parametrize(
    ("image", "face"),
    [
        (IMAGE, face_at(-30, 60, 20)),
        (IMAGE, face_at(80, 500, 20)),
        (IMAGE, face_at(np.nan, 60, 20)),
        (IMAGE.astype(np.float32), face_at(80, 60, 20)),
        (IMAGE[..., 0], face_at(80, 60, 20)),
    ],
)
def test_what_cannot_be_cropped_is_refused(exported: tuple[VitGate, Path], image: np.ndarray, face: DetectedFace):
    with pytest.raises(ValueError):
        VitPad(exported[1], SessionOptions()).logit(image, face)


def test_the_worker_does_not_load_torch_for_it():
    code = "import sys, worker.engines.vit_pad; print('torch' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"
