"""The rebuilt Light-ASD takes a state dict of the published shapes and says one number a picture and sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from models.lips.light_asd import LightAsd, export
from tests.models.lips.light_asd_weights import made_up_state


def test_a_state_dict_of_the_published_shapes_fits():
    network = LightAsd(made_up_state())

    with torch.no_grad():
        found = network(torch.rand(9, 112, 112) * 255, torch.rand(3, 36, 13))

    assert found.shape == (3, 9)
    assert torch.isfinite(found).all()


def test_the_exported_network_says_the_same_for_any_length(tmp_path: Path):
    torch.save(made_up_state(), tmp_path / "weights.model")
    export(tmp_path / "weights.model", tmp_path / "network.onnx")
    faces, sounds = torch.rand(7, 112, 112) * 255, torch.rand(4, 28, 13)

    found = ort.InferenceSession(tmp_path / "network.onnx").run(
        None, {"faces": faces.numpy(), "sounds": sounds.numpy()}
    )

    with torch.no_grad():
        np.testing.assert_allclose(found[0], LightAsd(made_up_state())(faces, sounds).numpy(), atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.onnx", "weights.model"]


def test_another_network_is_refused():
    state = made_up_state()
    del state["model.GRU.gru_backward.bias_hh_l0"]

    with pytest.raises(RuntimeError, match="gru_backward"):
        LightAsd(state)
