"""The blending network: its size, its training, its export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from models.deepfake.faces import SIZE
from models.deepfake.network import CELLS, BlendingNetwork, export_network
from models.deepfake.train import Recipe, cycle, drawn_pair, train_network
from tests.models.deepfake.made import made_face


def test_the_network_is_small():
    assert sum(weight.numel() for weight in BlendingNetwork().parameters()) < 1_000_000


def test_what_is_exported_says_what_was_trained(tmp_path: Path):
    torch.manual_seed(0)
    network = BlendingNetwork().eval()
    images = torch.rand(3, 1, SIZE, SIZE) * 255
    with torch.no_grad():
        expected = network(images).numpy()

    export_network(network, tmp_path / "network.onnx")

    session = onnxruntime.InferenceSession(str(tmp_path / "network.onnx"))
    assert np.abs(session.run(None, {"input": images.numpy()})[0] - expected).max() < 1e-4
    assert (tmp_path / "network.onnx").stat().st_size < 5_000_000


def test_a_pair_is_one_face_twice_and_its_border_runs_through_some_cells():
    pair = drawn_pair(made_face(), np.random.default_rng(3))

    assert pair.images.shape == (2, SIZE, SIZE)
    assert not np.array_equal(pair.images[0], pair.images[1])
    assert pair.border.shape == (CELLS, CELLS)
    assert 0.2 < pair.border.max() <= 1
    assert np.median(pair.border) < 0.5


def test_the_same_recipe_trains_the_same_network():
    faces = [made_face(seed) for seed in range(3)]
    recipe = Recipe(steps=2, pairs=2)

    first, again, other = (train_network(faces, one) for one in (recipe, recipe, Recipe(steps=2, pairs=2, seed=1)))

    assert torch.equal(first.head.weight, again.head.weight)
    assert not torch.equal(first.head.weight, other.head.weight)


def test_training_needs_faces():
    with pytest.raises(ValueError, match="needs faces"):
        train_network([], Recipe(steps=1))


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [cycle(passed) for passed in np.linspace(0, 1, 200)]

    assert max(rates) == pytest.approx(1.0, abs=0.01)
    assert rates[0] < 0.1
    assert rates[-1] == pytest.approx(0.0, abs=1e-6)
