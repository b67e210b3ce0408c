"""A trained fusion made ready for the cascade: ONNX graphs, calibrations, and a card that says how it came about.

The checkpoint's own fold says who is who: its training people trained it, its validation people stopped the training
and now set the calibration and the thresholds, its test people alone are reported on.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.cosmic import train as cosmic_train
from models.cosmic.export import export as export_cosmic
from models.cosmic.method import CosmicMethod
from models.cosmic.method import restored as restored_cosmic
from models.data.features import Features, FeaturesMismatch
from models.data.people import has_true_pairs
from models.evaluation.calibration import fit, measure, trial_counts
from models.evaluation.decision import Stakes
from models.evaluation.record import CalibrationRecord
from models.fusion import CARD, Compared, FusionCard, FusionMethod
from models.mimop import export as mimop_export
from models.mimop import train as mimop_train
from models.mimop.method import MimopMethod
from models.mimop.method import restored as restored_mimop
from models.registry import sha256_of
from models.training.checkpoint import Checkpoint, git_revision, load
from models.training.command import chosen_folds
from models.training.configuration import merged
from models.training.experiment import BOTH, FACE_ONLY, VOICE_ONLY, Experiment, Method, Modalities, score_set
from models.training.fold import experiment_of, samples_of
from models.training.score_fusion import LogisticFusion
from worker.fusion_card import as_markdown

SETTING: dict[Compared, Modalities] = {Compared.FUSED: BOTH, Compared.FACE: FACE_ONLY, Compared.VOICE: VOICE_ONLY}
ENROLLED = 3
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted method, the fold it was fitted on, and how its files are written into a folder."""

    method: Method
    kind: FusionMethod
    experiment: Experiment
    meta: dict[str, Any]
    write: Callable[[Path], None]
    weights: dict[Compared, tuple[float, float, float]]


def trained_mimop(checkpoint: Path, features: Features) -> Trained:
    """Raises BadCheckpoint for a file of another kind, FeaturesMismatch for one trained on other features."""
    stored = load(checkpoint, kind="mimop")
    _check_features(stored, features)
    model = restored_mimop(stored, CPU)
    config = merged(mimop_train.TrainConfig(), stored.meta["config"])

    def write(folder: Path) -> None:
        mimop_export.export_fused(model, folder / mimop_export.FUSED_FILE)
        mimop_export.export_face(model, folder / mimop_export.FACE_FILE)
        mimop_export.export_voice(model, folder / mimop_export.VOICE_FILE)

    experiment = experiment_of(config, features, stored.meta["fold"])
    return Trained(MimopMethod(model, CPU), FusionMethod.MIMOP, experiment, stored.meta, write, {})


def trained_cosmic(checkpoint: Path, features: Features) -> Trained:
    """Raises BadCheckpoint for a file of another kind, FeaturesMismatch for one trained on other features."""
    stored = load(checkpoint, kind="cosmic")
    _check_features(stored, features)
    model, scaler = restored_cosmic(stored, CPU)
    config = merged(cosmic_train.TrainConfig(), stored.meta["config"])
    experiment = experiment_of(config, features, stored.meta["fold"])
    method = CosmicMethod(model, scaler, CPU, context=False)

    def write(folder: Path) -> None:
        export_cosmic(model, folder)

    return Trained(method, FusionMethod.COSMIC, experiment, stored.meta, write, {})


def trained_logistic(features: Features, fold: int) -> Trained:
    """B4, fitted on the training people of ``fold``. Raises ValueError for a fold that does not exist."""
    config = cosmic_train.TrainConfig()
    (fold,) = chosen_folds(fold, config.folds)
    experiment = experiment_of(config, features, fold)
    method = LogisticFusion(experiment.train)
    split = {"folds": config.folds, "split_seed": config.split_seed, "drawings": config.drawings}
    meta = {"fold": fold, "revision": git_revision(), "config": split}

    def write(folder: Path) -> None:
        """Nothing beside the card."""

    weights = {Compared(name): values for name, values in method.weights().items()}
    return Trained(method, FusionMethod.LOGISTIC, experiment, meta, write, weights)


def _check_features(checkpoint: Checkpoint, features: Features) -> None:
    """With other samples the people would be dealt out anew, and training people would be reported on."""
    trained_on, samples = checkpoint.meta.get("features"), checkpoint.meta.get("samples")
    if trained_on != dataclasses.asdict(features.header):
        raise FeaturesMismatch("the checkpoint was trained on features of other models")
    if samples != samples_of(features):
        raise FeaturesMismatch(f"the checkpoint was trained on {samples} samples, these are {samples_of(features)}")


def export(trained: Trained, folder: Path, *, stakes: Stakes, command: str) -> FusionCard:
    """Write the files, ``card.json`` and the model card ``README.md`` into ``folder``.

    What lies there stays whole until everything new is made: an export that fails leaves a fusion in use as it was.

    Raises:
        models.evaluation.errors.TooFewTrials: too few people to calibrate on.
        ParityLost, ParityBroken: the ONNX graphs do not say what PyTorch says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".draft-") as made:
        card = _write(trained, Path(made), stakes=stakes, command=command)
        for old in folder.glob("*.onnx"):
            old.unlink()
        for path in sorted(Path(made).iterdir()):
            path.replace(folder / path.name)
    return card


def _write(trained: Trained, folder: Path, *, stakes: Stakes, command: str) -> FusionCard:
    trained.write(folder)
    files = {path.name: sha256_of(path) for path in sorted(folder.glob("*.onnx"))}
    header = trained.experiment.features.header
    card = FusionCard(
        method=trained.kind,
        pack=header.pack,
        face_sha256=header.face_sha256,
        voice_sha256=header.voice_sha256,
        files=files,
        weights=trained.weights,
        calibrations={
            kind: _calibration(trained, kind, files.get(f"{kind}.onnx", ""), stakes, command) for kind in Compared
        },
        trained=_told(trained),
    )
    (folder / CARD).write_text(json.dumps(card.to_json(), indent=1) + "\n")
    (folder / "README.md").write_text(as_markdown(card))
    return card


def _calibration(trained: Trained, kind: Compared, sha256: str, stakes: Stakes, command: str) -> CalibrationRecord:
    fitted_on = score_set(trained.method, trained.experiment.validation, SETTING[kind])
    held_out = score_set(trained.method, trained.experiment.test, SETTING[kind])
    calibrator = fit(fitted_on)
    header = trained.experiment.features.header
    return CalibrationRecord(
        name=f"{trained.kind}-{kind}/{header.pack}",
        model=f"{trained.kind}-{kind}",
        sha256=sha256,
        modality=str(kind),
        score_map=calibrator.score_map,
        fitted_on=trial_counts(fitted_on),
        measured=measure(calibrator, fitted_on, held_out, stakes=stakes),
        data=_data(trained.experiment.features),
        not_usable=0,
        enrolled=ENROLLED,
        made_at=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=command,
    )


def _told(trained: Trained) -> dict[str, Any]:
    """What people want to know of a trained fusion."""
    experiment = trained.experiment
    parts = {"train": experiment.fold.train, "validation": experiment.fold.validation, "test": experiment.fold.test}
    return {
        "fold": experiment.fold.index,
        "identities": {name: {"face": len(one.faces), "voice": len(one.voices)} for name, one in parts.items()},
        "complete_people": {
            "train": sum(person.complete for person in experiment.train_people),
            "validation": len(experiment.validation[0].people),
            "test": len(experiment.test[0].people),
        },
        "drawings": experiment.drawings,
        "chimeric": not has_true_pairs(experiment.features),
        "face_model": experiment.features.header.face_model,
        "voice_model": experiment.features.header.voice_model,
        "config": trained.meta["config"],
        "revision": trained.meta["revision"],
        "progress": trained.meta.get("progress", {}),
    }


def _data(features: Features) -> tuple[str, ...]:
    return tuple(str(name) for side in (features.face, features.voice) for name in np.unique(side.dataset))
