"""The published MesoNets, against which the gate is measured."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models.deepfake.mesonet import SIZE, from_layers, load_mesonet

PLAIN = {5: (3, 3, 3, 8), 6: (5, 5, 8, 8), 7: (5, 5, 8, 16), 10: (5, 5, 16, 16)}


def made_layers() -> dict[str, dict[str, np.ndarray]]:
    """Layers as Keras names and shapes them, in no order."""
    draw = np.random.default_rng(0)

    def array(*shape: int) -> np.ndarray:
        return draw.normal(0, 0.1, shape).astype(np.float32)

    layers = {f"conv2d_{n}": {"kernel": array(*shape), "bias": array(shape[3])} for n, shape in PLAIN.items()}
    for number, shape in PLAIN.items():
        norm = {name: array(shape[3]) for name in ("gamma", "beta", "moving_mean")}
        layers[f"batch_normalization_{number}"] = norm | {"moving_variance": np.ones(shape[3], np.float32)}
    layers["dense_4"] = {"kernel": array(16, 1), "bias": array(1)}
    layers["dense_3"] = {"kernel": array(1024, 16), "bias": array(16)}
    return dict(reversed(layers.items()))


def test_layers_find_their_places_by_number():
    layers = made_layers()

    network = from_layers(layers)

    with torch.no_grad():
        assert network(torch.rand(2, 3, SIZE, SIZE)).shape == (2,)
    last = network.stages[3].only.weight
    assert np.allclose(last.detach().numpy(), layers["conv2d_10"]["kernel"].transpose(3, 2, 0, 1))


def test_other_layers_are_refused():
    layers = made_layers()
    del layers["dense_3"]

    with pytest.raises(ValueError, match="MesoNet"):
        from_layers(layers)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["Meso4_DF", "MesoInception_DF"])
def test_the_published_weights_know_their_own_examples(shared: Path, name: str):
    pytest.importorskip("h5py", reason="reading the published weights takes h5py")
    network = load_mesonet(shared / "models" / "mesonet" / f"{name}.h5")

    def logit(kind: str) -> float:
        (path,) = (shared / "data" / "deepfake" / "mesonet" / kind).glob("*.jpg")
        picture = cv2.resize(cv2.imread(str(path))[:, :, ::-1], (SIZE, SIZE)).astype(np.float32) / 255
        with torch.no_grad():
            return float(network(torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]))

    assert logit("real") > 0 > logit("df")
