"""Fusion engines: what ships, what an operator trains, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.cosmic.config import CosmicConfig
from models.cosmic.export import export as export_cosmic
from models.cosmic.model import Cosmic
from models.errors import ModelMissing, WrongHash
from models.fusion import CARD, SHIPPED, Compared, FusionCard, FusionMethod, locate_fusion
from models.registry import Places, models, sha256_of
from worker import runtime
from worker.engines.fusion import LogisticFusion, MimopFusion, compared_of
from worker.engines.sessions import SessionOptions
from worker.engines.types import Engines

FACE_SHA, VOICE_SHA = models()["dlib_resnet"].sha256, models()["resemblyzer"].sha256
SHIPPED_CARD = FusionCard.from_json(json.loads((SHIPPED / "builtin" / "mimop" / CARD).read_text()))
FACE, VOICE = 128, 256


def unit(seed: int, width: int, rows: int | None = None) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((rows or 1, width)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn if rows else drawn[0]


@pytest.fixture(scope="module")
def shipped() -> MimopFusion:
    return MimopFusion(SHIPPED / "builtin" / "mimop", SHIPPED_CARD, SessionOptions(threads=1))


@pytest.fixture(scope="module")
def cosmic_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COSMIC as an operator would have trained it: random weights, which still carry one probe to one identity."""
    state = tmp_path_factory.mktemp("state")
    folder = state / "fusion" / "builtin" / "cosmic"
    torch.manual_seed(0)
    export_cosmic(Cosmic(CosmicConfig(face_width=FACE, voice_width=VOICE, hidden=16, compact=True)), folder)
    card = dataclasses.replace(
        SHIPPED_CARD,
        method=FusionMethod.COSMIC,
        files={path.name: sha256_of(path) for path in sorted(folder.glob("*.onnx"))},
    )
    (folder / CARD).write_text(json.dumps(card.to_json()))
    return folder


def test_every_shipped_fusion_belongs_to_its_pack_and_is_what_its_card_says():
    found = sorted(SHIPPED.glob("*/*"))

    assert found
    for folder in found:
        card = FusionCard.from_json(json.loads((folder / CARD).read_text()))
        assert (card.pack, card.method) == (folder.parent.name, folder.name)
        assert {path.name: sha256_of(path) for path in folder.glob("*.onnx")} == card.files
        assert set(card.calibrations) == set(Compared)
        assert (folder / "README.md").read_text().startswith("# Model card")


def test_the_builtin_pack_fuses_by_mimop(engines: Engines):
    assert engines.fusion.method is FusionMethod.MIMOP


@pytest.mark.parametrize("shown", [("face", "voice"), ("face",), ("voice",)])
def test_a_probe_that_is_its_reference_is_believed_and_another_is_not(shipped: MimopFusion, shown: tuple[str, ...]):
    probe = {"face": unit(1, FACE), "voice": unit(2, VOICE)}
    references = {
        name: np.stack([probe[name], unit(10, len(probe[name])), unit(11, len(probe[name]))]) for name in shown
    }

    same, other, third = shipped.compare(probe, {"face": 0.8, "voice": 0.8}, references)

    assert same.llr > 0 > max(other.llr, third.llr)
    for one in (same, other, third):
        assert one.opinion is not None
        assert one.opinion.belief + one.opinion.disbelief + one.opinion.uncertainty == pytest.approx(1.0, abs=1e-5)
        assert not one.opinion.contradicts_itself
    assert same.opinion.belief > other.opinion.belief


def test_the_graph_follows_what_both_sides_show():
    assert compared_of({"face": 1, "voice": 1}) is Compared.FUSED
    assert compared_of({"voice": 1}) is Compared.VOICE
    with pytest.raises(ValueError, match="nothing"):
        compared_of({})


def test_one_comparison_does_not_depend_on_who_else_is_compared(shipped: MimopFusion):
    probe = {"face": unit(1, FACE), "voice": unit(2, VOICE)}
    references = {"face": unit(3, FACE, rows=5), "voice": unit(4, VOICE, rows=5)}

    together = shipped.compare(probe, {"face": 0.5, "voice": 0.9}, references)
    alone = [
        shipped.compare(
            probe, {"face": 0.5, "voice": 0.9}, {name: one[row : row + 1] for name, one in references.items()}
        )[0]
        for row in range(5)
    ]

    assert [one.llr for one in together] == pytest.approx([one.llr for one in alone], abs=1e-4)


def test_a_probe_that_is_no_number_matches_nobody(shipped: MimopFusion):
    broken = {"face": np.full(FACE, np.nan, np.float32), "voice": unit(2, VOICE)}

    with pytest.raises(ValueError):
        shipped.compare(broken, {"face": 1.0, "voice": 1.0}, {"face": unit(3, FACE, rows=2)})


def test_cosmic_is_chosen_by_setting(cosmic_folder: Path):
    config = runtime.Configuration(
        Places(models_dir=None, state_dir=cosmic_folder.parents[2]), SessionOptions(threads=1), "cosmic"
    )

    fusion = runtime.build("builtin", config).fusion

    assert fusion.method is FusionMethod.COSMIC
    probe = {"face": unit(1, FACE), "voice": unit(2, VOICE)}
    for shown in (("face", "voice"), ("face",), ("voice",)):
        references = {name: np.stack([probe[name], unit(10, len(probe[name]))]) for name in shown}
        same, other = fusion.compare(probe, {"face": 1.0, "voice": 1.0}, references)
        assert same.llr > other.llr
        assert same.llr == pytest.approx(
            fusion._card.calibrations[compared_of(references)].score_map.llr(1.0), abs=1e-2
        )


def test_logistic_fusion_is_linear_in_the_cosines():
    card = dataclasses.replace(
        SHIPPED_CARD,
        method=FusionMethod.LOGISTIC,
        weights={Compared.FUSED: (-1.0, 2.0, 3.0), Compared.FACE: (-0.5, 4.0, 0.0), Compared.VOICE: (0.0, 0.0, 5.0)},
    )
    probe = {"face": unit(1, FACE), "voice": unit(2, VOICE)}

    (fused,) = LogisticFusion(card).compare(probe, {}, {name: vector[None] for name, vector in probe.items()})
    (face,) = LogisticFusion(card).compare(probe, {}, {"face": probe["face"][None]})

    assert fused.llr == pytest.approx(card.calibrations[Compared.FUSED].score_map.llr(4.0), rel=1e-5)
    assert face.llr == pytest.approx(card.calibrations[Compared.FACE].score_map.llr(3.5), rel=1e-5)


def test_a_fusion_that_was_never_trained_stops_the_start(tmp_path: Path):
    places = Places(models_dir=None, state_dir=tmp_path)

    with pytest.raises(ModelMissing, match="never trained"):
        locate_fusion("open", FusionMethod.MIMOP, places, face_sha256=FACE_SHA, voice_sha256=VOICE_SHA)


def test_a_fusion_for_other_weights_is_refused(tmp_path: Path):
    with pytest.raises(ModelMissing, match="other weights"):
        locate_fusion(
            "builtin",
            FusionMethod.MIMOP,
            Places(models_dir=None, state_dir=tmp_path),
            face_sha256="0" * 64,
            voice_sha256=VOICE_SHA,
        )


def test_an_altered_file_is_refused(cosmic_folder: Path, tmp_path: Path):
    folder = tmp_path / "fusion" / "builtin" / "cosmic"
    folder.mkdir(parents=True)
    for path in cosmic_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "face.onnx").write_bytes((folder / "face.onnx").read_bytes() + b"\0")

    with pytest.raises(WrongHash, match=r"face\.onnx"):
        locate_fusion(
            "builtin",
            FusionMethod.COSMIC,
            Places(models_dir=None, state_dir=tmp_path),
            face_sha256=FACE_SHA,
            voice_sha256=VOICE_SHA,
        )


def test_a_card_that_cannot_be_read_is_refused(tmp_path: Path):
    folder = tmp_path / "fusion" / "builtin" / "mimop"
    folder.mkdir(parents=True)
    (folder / CARD).write_text('{"method": "mimop"}')

    with pytest.raises(ModelMissing, match="cannot be read"):
        locate_fusion(
            "builtin",
            FusionMethod.MIMOP,
            Places(models_dir=None, state_dir=tmp_path),
            face_sha256=FACE_SHA,
            voice_sha256=VOICE_SHA,
        )
