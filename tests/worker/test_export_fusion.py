"""``manage.py export_fusion``: a trained fusion becomes files that the cascade runs and people can read about."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from django.conf import settings
from django.core.management import CommandError, call_command

from models.data.features import FeaturesMismatch
from models.evaluation.calibration import fit
from models.fusion import CARD, Compared, FusionCard, FusionMethod, locate_fusion
from models.mimop.config import MimopConfig
from models.mimop.train import TrainConfig, train_fold
from models.registry import Places, sha256_of
from models.training.checkpoint import Checkpoint, load, save
from models.training.experiment import score_set
from models.training.loop import Schedule
from tests.feature_file import write
from tests.features import FACE_WIDTH, VOICE_WIDTH, features
from worker import fusion_export
from worker.engines.fusion import build_fusion
from worker.engines.sessions import SessionOptions
from worker.fusion_card import as_markdown
from worker.fusion_export import SETTING, Trained

DATA = features(faces=40, voices=40, recordings=3)
CONFIG = TrainConfig(
    model=MimopConfig(face_width=FACE_WIDTH, voice_width=VOICE_WIDTH, head=8, hidden=8, edisc=True),
    schedule=Schedule(epochs=1),
    batches=10,
    probes=48,
    search_steps=0,
    drawings=2,
)
SHOWN = {Compared.FUSED: ("face", "voice"), Compared.FACE: ("face",), Compared.VOICE: ("voice",)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A feature file and a trained MIMOP."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "features.sqlite", DATA)
    train_fold(CONFIG, DATA, 1, folder / "fold1", torch.device("cpu"), quiet=True)
    return folder


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder of these tests' own, where the command leaves what it makes."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(settings, "ENV", replace(settings.ENV, state_dir=folder))
        yield folder


@pytest.fixture(scope="module")
def mimop(made: Path, state: Path) -> Path:
    export(made, method="mimop", checkpoint=made / "fold1" / "best.safetensors")
    return state / "fusion" / "test" / "mimop"


@pytest.fixture(scope="module")
def logistic(made: Path, state: Path) -> Path:
    with fewer_drawings():
        export(made, method="logistic", fold=1)
    return state / "fusion" / "test" / "logistic"


@contextlib.contextmanager
def fewer_drawings() -> Iterator[None]:
    """Two drawings of people in place of sixteen, whose bootstrap would take long."""
    fewer = replace(fusion_export.cosmic_train.TrainConfig(), drawings=2)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fusion_export.cosmic_train, "TrainConfig", lambda: fewer)
        yield


def export(made: Path, **options: object) -> None:
    call_command("export_fusion", features=made / "features.sqlite", **options)


def card_of(folder: Path) -> FusionCard:
    return FusionCard.from_json(json.loads((folder / CARD).read_text()))


def test_the_card_reads_back_and_the_files_are_what_it_says(mimop: Path):
    card = card_of(mimop)

    assert (card.method, card.pack) == (FusionMethod.MIMOP, "test")
    assert (card.face_sha256, card.voice_sha256) == (DATA.header.face_sha256, DATA.header.voice_sha256)
    assert card.files == {path.name: sha256_of(path) for path in mimop.glob("*.onnx")}
    assert set(card.files) == {"fused.onnx", "face.onnx", "voice.onnx"}
    for kind in Compared:
        record = card.calibrations[kind]
        assert record.sha256 == card.files[f"{kind}.onnx"]
        assert record.data == ("pictures", "speech")
        # Eight people of each part, eight probes each, two drawings.
        assert (record.fitted_on.identities, record.fitted_on.genuine, record.fitted_on.impostor) == (8, 128, 896)
        assert record.measured.trials == record.fitted_on
    assert card.trained["fold"] == 1
    assert card.trained["identities"]["train"] == {"face": 24, "voice": 24}
    assert FusionCard.from_json(json.loads(json.dumps(card.to_json()))) == card


def test_the_cascade_finds_what_was_exported(mimop: Path, logistic: Path, state: Path):
    places = Places(models_dir=None, state_dir=state)
    hashes = {"face_sha256": DATA.header.face_sha256, "voice_sha256": DATA.header.voice_sha256}

    for method, folder in ((FusionMethod.MIMOP, mimop), (FusionMethod.LOGISTIC, logistic)):
        assert locate_fusion("test", method, places, **hashes) == (folder, card_of(folder))


@pytest.mark.parametrize("name", ["mimop", "logistic"])
def test_the_model_card_tells_people_what_stands_behind_it(name: str, request: pytest.FixtureRequest):
    folder = request.getfixturevalue(name)

    text = (folder / "README.md").read_text()

    assert text.startswith(f"# Model card: {name} fusion for pack `test`")
    assert "**Data:** pictures, speech;" in text
    assert "training 24 and 24, validation 8 and 8, test 8 and 8" in text
    assert text.count("| 128, 896 |") == 3
    assert "too few trials" in text  # for a threshold at an FMR of 1 %
    assert "pooled: 2;" in text
    assert "chimeric people" in text
    assert f"manage.py export_fusion --method {name}" in text


@pytest.mark.parametrize("kind", list(Compared))
@pytest.mark.parametrize("name", ["mimop", "logistic"])
def test_the_engine_says_what_the_method_and_its_calibration_say(
    name: str, kind: Compared, made: Path, request: pytest.FixtureRequest
):
    folder = request.getfixturevalue(name)
    card = card_of(folder)
    trained = trained_of(name, made)
    calibrator = fit(score_set(trained.method, trained.experiment.validation, SETTING[kind]))
    trials = trained.experiment.test[1]
    probes = trials.probes.only(face="face" in SHOWN[kind], voice="voice" in SHOWN[kind])
    expected = calibrator(trained.method.scores(probes, trials.references).ravel()).reshape(len(probes), -1)

    engine = build_fusion(folder, card, SessionOptions(threads=1))

    references = {name: getattr(trials.references, name) for name in SHOWN[kind]}
    for row in (0, 5, 14, 63):  # clean and degraded
        probe = {name: getattr(probes, name)[row] for name in SHOWN[kind]}
        quality = {"face": float(probes.quality[row, 0]), "voice": float(probes.quality[row, 1])}
        found = engine.compare(probe, quality, references)
        assert [one.llr for one in found] == pytest.approx(expected[row], abs=1e-3)
        assert {one.calibration for one in found} == {f"{name}-{kind}/test"}
        assert found[trials.owner[row]].llr > np.median([one.llr for one in found])


def trained_of(name: str, made: Path) -> Trained:
    if name == "mimop":
        return fusion_export.trained_mimop(made / "fold1" / "best.safetensors", DATA)
    with fewer_drawings():
        return fusion_export.trained_logistic(DATA, 1)


def test_a_checkpoint_of_another_family_is_an_error(made: Path, state: Path, tmp_path: Path):
    save(tmp_path / "cosmic.safetensors", Checkpoint({"a": torch.ones(1)}, {"kind": "cosmic"}))

    with pytest.raises(CommandError, match="holds cosmic, not mimop"):
        export(made, method="mimop", checkpoint=tmp_path / "cosmic.safetensors")
    with pytest.raises(CommandError, match="holds mimop, not cosmic"):
        export(made, method="cosmic", checkpoint=made / "fold1" / "best.safetensors")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mimop"}, "--checkpoint goes with"),
        ({"method": "logistic", "checkpoint": Path("any.safetensors")}, "--checkpoint goes with"),
        ({"method": "mimop", "checkpoint": Path("nowhere.safetensors")}, "nowhere"),
        ({"method": "logistic", "fold": 5}, "no fold 5; there are 0 to 4"),
        ({"method": "logistic", "fold": -1}, "no fold -1"),
    ],
)
def test_what_cannot_be_exported_is_an_error(made: Path, state: Path, options: dict, message: str):
    with pytest.raises(CommandError, match=message):
        export(made, **options)


def test_features_that_it_was_not_trained_on_are_refused(made: Path):
    checkpoint = made / "fold1" / "best.safetensors"
    others = features(faces=39, voices=40, recordings=3)
    other_models = dataclasses.replace(DATA, header=replace(DATA.header, face_sha256="2" * 64))

    for data, message in ((others, "trained on .* samples"), (other_models, "other models")):
        with pytest.raises(FeaturesMismatch, match=message):
            fusion_export.trained_mimop(checkpoint, data)


def test_the_model_card_does_not_call_people_chimeric_who_are_not(mimop: Path):
    card = card_of(mimop)

    text = as_markdown(replace(card, trained={**card.trained, "chimeric": False}))

    assert "people with their own face and voice" in text
    assert "chimeric" not in text


def test_an_export_that_fails_leaves_the_fusion_in_use_whole(mimop: Path, made: Path, state: Path, tmp_path: Path):
    before = {path.name: path.read_bytes() for path in mimop.iterdir()}
    stored = load(made / "fold1" / "best.safetensors")
    config = {**stored.meta["config"], "drawings": 1}
    few = features(faces=25, voices=25, recordings=2)  # five people of validation: 40 genuine trials
    samples = {"face": len(few.face), "voice": len(few.voice)}
    save(
        tmp_path / "few.safetensors", Checkpoint(stored.tensors, {**stored.meta, "config": config, "samples": samples})
    )
    write(tmp_path / "few.sqlite", few)

    with pytest.raises(CommandError, match="40 at hand, 50 are needed"):
        call_command(
            "export_fusion",
            method="mimop",
            checkpoint=tmp_path / "few.safetensors",
            features=tmp_path / "few.sqlite",
        )

    assert {path.name: path.read_bytes() for path in mimop.iterdir()} == before
    assert [path.name for path in mimop.parent.iterdir() if path.name.startswith(".")] == []
