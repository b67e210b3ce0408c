"""The vision transformer computes what its paper says, at every size, and goes to ONNX unchanged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from models.liveness.export_vit import LARGEST_DIFFERENCE, ParityBroken, export
from models.liveness.pretrain_vit import load_backbone
from models.liveness.vit import SIZES, Attention, DropPath, VisionTransformer, VitConfig, VitGate, vit_from
from models.training.checkpoint import BadCheckpoint

SMALL = VitConfig(image=32, patch=8, width=24, depth=2, heads=3, hidden=2.0)


def backbone(config: VitConfig = SMALL, *, seed: int = 0) -> VisionTransformer:
    """A network whose parameters have left the start, biases among them."""
    torch.manual_seed(seed)
    model = VisionTransformer(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def gate() -> VitGate:
    model = VitGate(backbone()).eval()
    nn.init.normal_(model.head.weight)
    return model


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (16, 16), (48, 24)])
def test_a_picture_of_any_whole_number_of_patches_becomes_a_class_token(rows: int, columns: int):
    tokens = backbone()(torch.randn(3, 3, rows, columns))

    assert tokens.shape == (3, 24)
    assert torch.isfinite(tokens).all()


def test_a_picture_without_whole_patches_is_refused():
    with pytest.raises(ValueError, match="30x32"):
        backbone()(torch.randn(1, 3, 30, 32))


@pytest.mark.parametrize(("size", "millions"), [("tiny", 5.5), ("small", 21.7)])
def test_the_sizes_have_as_many_parameters_as_published_without_a_classifier(size: str, millions: float):
    count = sum(parameter.numel() for parameter in VisionTransformer(SIZES[size]).parameters())

    assert count / 1e6 == pytest.approx(millions, abs=0.05)


def test_attention_is_the_softmax_of_scaled_products():
    torch.manual_seed(0)
    layer, x = Attention(12, heads=3).double(), torch.randn(2, 5, 12, dtype=torch.float64)

    found = layer(x)

    query, key, value = (part.reshape(2, 5, 3, 4) for part in layer.qkv(x).chunk(3, dim=2))
    heads = []
    for head in range(3):
        q, k, v = (part[:, :, head] for part in (query, key, value))
        heads.append(torch.softmax(q @ k.mT / math.sqrt(4), dim=2) @ v)
    assert torch.allclose(found, layer.out(torch.cat(heads, 2)), atol=1e-12)


def test_learned_positions_are_used_as_they_are_at_the_own_size():
    model = backbone()

    assert model.positions_for(4, 4) is model.positions


def test_positions_on_a_slope_stay_on_it_between_the_learned_ones():
    model = backbone()
    slope = torch.arange(4.0)[None, :].expand(4, 4)  # grows from column to column
    with torch.no_grad():
        model.positions[0, 1:] = slope.reshape(16, 1)

    wide = model.positions_for(4, 8)[0, 1:, 0].reshape(4, 8)

    assert torch.equal(model.positions_for(4, 8)[:, :1], model.positions[:, :1])
    assert torch.allclose(wide[0], wide[3])
    assert wide[0, 3:5].tolist() == pytest.approx(
        [1.25, 1.75], abs=0.06
    )  # bicubic leaves a slope by so much at the ends


def test_another_order_of_patches_gives_another_token():
    model, x = backbone(), torch.randn(1, 3, 32, 32)

    assert not torch.allclose(model(x), model(x.flip(3)), atol=1e-3)


def test_a_network_moved_to_another_size_says_the_same_there():
    model, x = backbone(), torch.randn(2, 3, 48, 48)

    moved = model.at_size(48)

    assert moved.config.image == 48
    assert torch.allclose(moved(x), model(x), atol=1e-6)


def test_dropped_branches_are_made_up_for_and_only_in_training():
    torch.manual_seed(0)
    layer, x = DropPath(0.25), torch.ones(4000, 1, 1)

    trained = layer.train()(x)

    assert trained.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float(trained.mean()) == pytest.approx(1.0, abs=0.05)
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("wrong", [{"image": 33}, {"heads": 5}, {"drop_path": 1.0}, {"depth": 0}])
def test_a_shape_that_cannot_be_is_refused(wrong: dict):
    with pytest.raises(ValueError):
        VitConfig(**{"image": 32, "patch": 8, "width": 24, "depth": 2, "heads": 3, **wrong})


def test_weights_of_another_shape_are_refused():
    state = backbone().state_dict()

    with pytest.raises(ValueError, match="no vision transformer"):
        vit_from({"image": 32, "patch": 8, "width": 48, "depth": 2, "heads": 3}, state)


def as_published(model: VisionTransformer) -> dict[str, torch.Tensor]:
    """A state under the names of facebookresearch/dino, vision_transformer.py."""
    renamed = {"cls_token": model.class_token, "pos_embed": model.positions}
    renamed |= {f"patch_embed.proj.{name}": value for name, value in model.patches.state_dict().items()}
    renamed |= {f"norm.{name}": value for name, value in model.norm.state_dict().items()}
    parts = {"norm1": "norm1", "norm2": "norm2", "attention.qkv": "attn.qkv", "attention.out": "attn.proj"}
    for ours, theirs in (parts | {"mlp.0": "mlp.fc1", "mlp.2": "mlp.fc2"}).items():
        for number, block in enumerate(model.blocks):
            values = block.get_submodule(ours).state_dict()
            renamed |= {f"blocks.{number}.{theirs}.{name}": value for name, value in values.items()}
    return renamed


def test_weights_under_their_published_names_give_the_same_network(tmp_path: Path):
    model, x = backbone(VitConfig(image=32, patch=8, width=128, depth=2, heads=2)), torch.randn(2, 3, 32, 32)
    torch.save(as_published(model), tmp_path / "dino.pth")

    found = load_backbone(tmp_path / "dino.pth")

    assert found.config == model.config
    assert torch.equal(found(x), model(x))


def test_weights_that_are_not_published_ones_are_refused(tmp_path: Path):
    (tmp_path / "text.pth").write_text("nothing")
    torch.save({"fc.weight": torch.ones(2)}, tmp_path / "other.pth")
    state = as_published(backbone(VitConfig(image=32, patch=8, width=64, depth=1, heads=1)))
    torch.save({name: value for name, value in state.items() if name != "norm.weight"}, tmp_path / "part.pth")
    torch.save([state], tmp_path / "list.pth")

    for name in ("text", "other", "part", "list", "gone"):
        with pytest.raises(BadCheckpoint, match=name):
            load_backbone(tmp_path / f"{name}.pth")


def test_the_gate_takes_pixels_as_they_come():
    model = gate()
    pixels = torch.randint(0, 256, (2, 3, 32, 32)).float()
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    expected = model.head(model.backbone((pixels / 255 - mean) / deviation))[:, 0]

    assert torch.allclose(model(pixels), expected, atol=1e-4)


@pytest.mark.parametrize("size", [32, 48])
def test_the_exported_gate_says_what_the_trained_one_says_for_any_number_of_pictures(tmp_path: Path, size: int):
    model, path = gate(), tmp_path / "new" / "vit.onnx"

    difference = export(model, path, threshold=-0.5, size=size, sides=1.4)

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    notes = session.get_modelmeta().custom_metadata_map
    assert difference < LARGEST_DIFFERENCE
    assert notes == {"kind": "cosmic-vit-pad", "size": str(size), "sides": "1.4", "threshold": "-0.5"}
    for count in (1, 5):
        pixels = 255 * np.random.default_rng(count).random((count, 3, size, size), np.float32)
        (found,) = session.run(["logit"], {"input": pixels})
        assert found == pytest.approx(model(torch.from_numpy(pixels)).detach().numpy(), abs=LARGEST_DIFFERENCE)


@pytest.mark.parametrize("broken", [1e-3, math.nan])
def test_a_gate_that_loses_parity_is_not_left_behind(tmp_path: Path, broken: float):
    model = gate()
    model.forward = lambda pixels: VitGate.forward(model, pixels) + broken  # the export is of the class, not of this

    with pytest.raises(ParityBroken):
        export(model, tmp_path / "vit.onnx", threshold=0.0)

    assert list(tmp_path.iterdir()) == []
