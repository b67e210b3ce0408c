"""The three ONNX graphs compute what the model computes."""

from __future__ import annotations

import math

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from models.mimop.choices import Cell, Network, Quality, Rule
from models.mimop.config import MimopConfig
from models.mimop.export import (
    FACE_FILE,
    FUSED_FILE,
    OUTPUTS,
    VOICE_FILE,
    ParityLost,
    check_parity,
    export_face,
    export_fused,
    export_voice,
)
from models.mimop.model import Mimop


def built(face: int = 128, voice: int = 192, *, seed: int = 0, cell: Cell | None = None, edisc: bool = False) -> Mimop:
    torch.manual_seed(seed)
    model = Mimop(MimopConfig(face, voice, cell=cell or Cell(), edisc=edisc))
    with torch.no_grad():
        for parameter in model.cell.parameters():  # away from the start, where some weights are 0
            parameter.add_(torch.randn_like(parameter))
    return model


def export_all(model: Mimop, folder) -> None:
    export_fused(model, folder / FUSED_FILE)
    export_face(model, folder / FACE_FILE)
    export_voice(model, folder / VOICE_FILE)


def session(path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def drawn(rows: int, width: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


@pytest.mark.parametrize(("face", "voice"), [(128, 256), (512, 192)])
def test_all_three_files_agree_with_the_model_and_are_whole(tmp_path, face, voice):
    model = built(face, voice)

    export_all(model, tmp_path)

    assert check_parity(model, tmp_path) < 1e-4
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([FUSED_FILE, FACE_FILE, VOICE_FILE])
    for file in (FUSED_FILE, FACE_FILE, VOICE_FILE):
        onnx.checker.check_model(str(tmp_path / file), full_check=True)


@pytest.mark.parametrize("rows", [1, 7])
def test_the_fused_graph_by_its_names_at_any_batch_size(tmp_path, rows):
    model = built(128, 256).train()
    export_fused(model, tmp_path / FUSED_FILE)
    given = {
        "face_probe": drawn(rows, 128, seed=0),
        "face_reference": drawn(rows, 128, seed=1),
        "voice_probe": drawn(rows, 256, seed=2),
        "voice_reference": drawn(rows, 256, seed=3),
        "quality": np.full((rows, 2), 0.5, np.float32),
    }

    found = dict(zip(OUTPUTS, session(tmp_path / FUSED_FILE).run(list(OUTPUTS), given), strict=True))

    with torch.no_grad():
        expected = model(*map(torch.from_numpy, given.values()))
    assert {name: value.shape for name, value in found.items()} == {name: (rows,) for name in OUTPUTS}
    np.testing.assert_allclose(found["log_odds"], expected.log_odds.numpy(), atol=1e-4)
    np.testing.assert_allclose(found["conflict"], expected.conflict.numpy(), atol=1e-4)
    np.testing.assert_allclose(found["belief"] + found["disbelief"] + found["uncertainty"], 1.0, atol=1e-5)
    assert model.training


def test_one_probe_against_ten_references(tmp_path):
    export_face(built(), tmp_path / FACE_FILE)
    graph = session(tmp_path / FACE_FILE)
    probe, references = drawn(1, 128, seed=0), drawn(10, 128, seed=1)
    quality = np.full((1, 1), 0.8, np.float32)

    together = graph.run(["log_odds"], {"probe": probe, "reference": references, "quality": quality})[0]
    repeated = graph.run(
        ["log_odds"],
        {"probe": probe.repeat(10, 0), "reference": references, "quality": quality.repeat(10, 0)},
    )[0]
    # The quality may be repeated where the probe is not.
    mixed = graph.run(["log_odds"], {"probe": probe, "reference": references, "quality": quality.repeat(10, 0)})[0]

    assert together.shape == (10,)
    np.testing.assert_allclose(together, repeated, atol=1e-5)
    np.testing.assert_allclose(together, mixed, atol=1e-5)


@pytest.mark.parametrize(
    "cell",
    [
        Cell(network=Network.GATED, quality=Quality.BOTH, rule=Rule.DISCOUNTED),
        Cell(network=Network.MLP_32, quality=Quality.DISCOUNT, rule=Rule.AVERAGE),
    ],
)
def test_other_cells_export_as_well(tmp_path, cell):
    model = built(cell=cell, edisc=True)

    export_all(model, tmp_path)

    assert check_parity(model, tmp_path) < 1e-4


def test_files_of_another_model_do_not_pass(tmp_path):
    export_all(built(seed=0), tmp_path)

    assert check_parity(built(seed=1), tmp_path) > 1e-4


def test_an_export_that_computes_no_number_is_refused_and_removed(tmp_path):
    model = built()
    with torch.no_grad():
        model.face_heads.projection.weight.fill_(math.nan)

    with pytest.raises(ParityLost, match=FACE_FILE):
        export_face(model, tmp_path / FACE_FILE)

    assert not list(tmp_path.iterdir())
