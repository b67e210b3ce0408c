"""What is exported says what the model says, for any number of rows, or is not left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from models.cosmic.export import LARGEST_DIFFERENCE, Encoder, ParityBroken, export
from models.cosmic.model import Capture, Cosmic
from tests.models.cosmic.captures import network

FILES = ["face.onnx", "fused.onnx", "voice.onnx"]


def used(name: str) -> Cosmic:
    """A network whose parameters have left the start, the solver's among them."""
    model = network(name)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module", params=["A1", "B3"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cosmic, Path]:
    model, folder = used(request.param), tmp_path_factory.mktemp(request.param) / "new"
    differences = export(model, folder)
    assert set(differences) == {"fused", "face", "voice"}
    assert max(differences.values()) < LARGEST_DIFFERENCE
    return model, folder


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize(("kind", "present"), [("fused", (1, 1, 0)), ("face", (1, 0, 0)), ("voice", (0, 1, 0))])
def test_each_file_gives_the_identities_of_the_model(
    exported: tuple[Cosmic, Path], kind: str, present: tuple[int, int, int], rows: int
):
    model, folder = exported
    draw = np.random.default_rng(rows)
    face, voice, quality = (draw.random((rows, width), np.float32) - 0.3 for width in (10, 7, 2))
    given = {"face": face, "voice": voice, "quality": quality}
    if kind != "fused":
        given = {kind: given[kind], "quality": quality[:, :1] if kind == "face" else quality[:, 1:]}

    session = onnxruntime.InferenceSession(str(folder / f"{kind}.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["identity"], given)

    capture = Capture(
        torch.from_numpy(face),
        torch.from_numpy(voice),
        torch.zeros(rows, 9),
        torch.from_numpy(quality),
        torch.tensor([present], dtype=torch.bool).expand(rows, 3),
    )
    with torch.no_grad():
        expected = model.eval()(capture).identity.numpy()
    assert sorted(one.name for one in session.get_inputs()) == sorted(given)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_there_are_three_files(exported: tuple[Cosmic, Path]):
    assert sorted(path.name for path in exported[1].iterdir()) == FILES


def test_the_encoder_of_one_modality_has_no_other_and_no_context():
    encoder = Encoder(network().eval(), "voice")

    capture = encoder.capture(*encoder.example(3))

    assert capture.present.tolist() == [[False, True, False]] * 3
    assert not capture.face.any() and not capture.context.any()
    assert torch.equal(capture.quality[:, 0], capture.quality[:, 1])


class Sabotaged(Cosmic):
    """Its way for export leaves the voice out."""

    def encode(self, capture: Capture) -> torch.Tensor:
        present = capture.present & torch.tensor([True, False, True])
        return super().encode(Capture(capture.face, capture.voice, capture.context, capture.quality, present))


def test_an_export_that_says_something_else_is_refused_and_not_left_behind(tmp_path: Path):
    model = Sabotaged(network().config)

    with pytest.raises(ParityBroken, match=r"fused\.onnx differs from PyTorch by"):
        export(model, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_export_that_is_no_number_is_refused(tmp_path: Path):
    model = network()
    with torch.no_grad():
        model.target.out.bias.fill_(torch.nan)

    with pytest.raises(ParityBroken, match="nan"):
        export(model, tmp_path)


class Opposed(Cosmic):
    """Its way for export says the opposite of a face alone, which is exported after face and voice together."""

    def encode(self, capture: Capture) -> torch.Tensor:
        return torch.where(capture.present[:, 1:2], 1.0, -1.0) * super().encode(capture)


def test_where_one_file_is_refused_the_others_go_with_it_even_those_of_an_earlier_model(tmp_path: Path):
    (tmp_path / "voice.onnx").write_bytes(b"of an earlier model")

    with pytest.raises(ParityBroken, match=r"face\.onnx"):
        export(Opposed(network("compact").config), tmp_path)

    assert list(tmp_path.iterdir()) == []
