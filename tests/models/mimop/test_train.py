"""MIMOP is searched, trained, resumed and restored as it promises."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.evaluation.metrics import eer
from models.mimop import train
from models.mimop.choices import Cell, Quality
from models.mimop.config import MimopConfig
from models.mimop.method import MimopMethod, restored
from models.mimop.search import Supernet, read_cell
from models.mimop.train import CELL, MimopLearner, TrainConfig, train_fold
from models.training import checkpoint as checkpoints
from models.training.experiment import BOTH, SETTINGS, score_set
from models.training.fold import experiment_of, meta_of
from models.training.loop import BEST, STATE, Fitted, OtherRun, Schedule
from models.training.score_fusion import LogisticFusion
from models.training.validation import validation_cost
from tests.feature_file import write
from tests.features import FACE_WIDTH, VOICE_WIDTH, features

CPU = torch.device("cpu")
DATA = features(faces=40, voices=30)
TINY = TrainConfig(
    model=MimopConfig(face_width=FACE_WIDTH, voice_width=VOICE_WIDTH, head=8, hidden=8),
    schedule=Schedule(epochs=2, patience=9, seed=3),
    learning_rate=1e-3,
    batches=3,
    probes=24,
    search_steps=0,
    folds=5,
    drawings=2,
)


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> tuple[Cell, ...]:
    cells = tuple(Cell(quality=quality) for quality in (Quality.NONE, Quality.FEATURE, Quality.DISCOUNT))
    monkeypatch.setattr(train, "Supernet", lambda: Supernet(cells))
    return cells


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Enough steps to tell people apart."""
    config = replace(TINY, schedule=Schedule(epochs=4, patience=9), batches=15, probes=64)
    return train_fold(config, DATA, 0, tmp_path_factory.mktemp("trained"), CPU, quiet=True)


def run(config: TrainConfig, folder: Path) -> Fitted:
    return train_fold(config, DATA, 0, folder, CPU, quiet=True)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(path, kind="mimop").tensors


def same(first: Path, second: Path) -> bool:
    ours, theirs = tensors(first), tensors(second)
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_the_found_cell_is_written_down_trained_and_not_searched_again(tmp_path: Path, few_cells: tuple[Cell, ...]):
    config = replace(TINY, search_steps=6, schedule=Schedule(epochs=1))

    run(config, tmp_path)

    written = json.loads((tmp_path / CELL).read_text())
    cell = read_cell(tmp_path / CELL)
    assert [Cell.from_dict({key: one[key] for key in cell.to_dict()}) for one in written["history"]] == list(few_cells)
    # A cost negated: the best cell is the cheapest on validation people.
    assert all(-1.0 <= one["score"] < 0.0 for one in written["history"])
    assert written["score"] == max(one["score"] for one in written["history"])
    assert checkpoints.load(tmp_path / BEST).meta["config"]["model"]["cell"] == cell.to_dict()
    assert [path.name for path in tmp_path.glob("*.draft")] == []


def test_a_cell_that_lies_there_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cell = Cell(quality=Quality.BOTH)
    (tmp_path / CELL).write_text(json.dumps({"cell": cell.to_dict()}))
    monkeypatch.setattr(train, "search", None)  # which would be called in vain

    run(replace(TINY, search_steps=6, schedule=Schedule(epochs=1)), tmp_path)

    assert restored(checkpoints.load(tmp_path / BEST), CPU).config.cell == cell


def test_a_search_finds_the_same_cell_again(tmp_path: Path, few_cells: tuple[Cell, ...]):
    config = replace(TINY, search_steps=4, schedule=Schedule(epochs=1))

    for name in ("first", "second"):
        run(config, tmp_path / name)

    assert (tmp_path / "first" / CELL).read_text() == (tmp_path / "second" / CELL).read_text()


def test_a_killed_run_ends_as_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = replace(TINY, schedule=Schedule(epochs=3, patience=9, seed=3))
    unbroken = run(config, tmp_path / "unbroken")
    whole = MimopLearner.run_epoch

    def killed(self: MimopLearner, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        if epoch > 1:
            raise KeyboardInterrupt
        return whole(self, epoch, draw)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(MimopLearner, "run_epoch", killed)
        run(config, tmp_path / "broken")
    assert checkpoints.load(tmp_path / "broken" / STATE).meta["progress"]["epoch"] == 1
    assert not same(tmp_path / "broken" / STATE, tmp_path / "unbroken" / STATE)
    broken = run(config, tmp_path / "broken")

    assert same(tmp_path / "broken" / STATE, tmp_path / "unbroken" / STATE)
    assert same(tmp_path / "broken" / BEST, tmp_path / "unbroken" / BEST)
    assert (broken.best_epoch, broken.best_cost) == (unbroken.best_epoch, unbroken.best_cost)


def test_a_run_does_not_go_on_with_another_configuration(tmp_path: Path):
    config = replace(TINY, schedule=Schedule(epochs=1))
    run(config, tmp_path)

    with pytest.raises(OtherRun):
        run(replace(config, drop=0.1), tmp_path)


def test_edisc_discounts_by_quality_and_plain_does_not(tmp_path: Path):
    plain = replace(TINY, model=replace(TINY.model, cell=Cell(quality=Quality.FEATURE)))
    edisc = replace(plain, model=replace(plain.model, edisc=True))

    models = {
        name: restored(checkpoints.load(run(config, tmp_path / name).best), CPU)
        for name, config in (("plain", plain), ("edisc", edisc))
    }

    assert models["plain"].cell.face.reliability is None
    assert models["edisc"].cell.face.reliability is not None
    experiment = experiment_of(TINY, DATA, 0)
    scores = [
        MimopMethod(one, CPU).scores(experiment.test[0].probes, experiment.test[0].references)
        for one in models.values()
    ]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_training_makes_validation_cheaper_and_people_known_as_well_as_logistic_fusion_does(trained: Fitted):
    experiment = experiment_of(TINY, DATA, 0)
    ours = MimopMethod(restored(checkpoints.load(trained.best), CPU), CPU)
    theirs = LogisticFusion(experiment.train)

    errors = {}
    for method in (ours, theirs):
        scores = score_set(method, experiment.test, BOTH)
        errors[method.name] = eer(scores.genuine_scores(), scores.impostor_scores())

    assert errors["MIMOP"] <= errors["B4"] + 0.03
    assert errors["MIMOP"] < 0.2
    assert validation_cost(ours, experiment.validation) == pytest.approx(trained.best_cost, rel=1e-6)


def test_a_restored_checkpoint_scores_as_the_learner_did(tmp_path: Path):
    config = replace(TINY, schedule=Schedule(epochs=1))
    experiment = experiment_of(config, DATA, 0)
    learner = MimopLearner(config, experiment, CPU)
    learner.run_epoch(1, np.random.default_rng(0))
    checkpoints.save(
        tmp_path / "one.safetensors",
        checkpoints.Checkpoint(learner.weights(), {"kind": "mimop", **meta_of(config, DATA, 0)}),
    )

    method = MimopMethod(restored(checkpoints.load(tmp_path / "one.safetensors", kind="mimop"), CPU), CPU)

    trials = experiment.test[0]
    for setting in SETTINGS:
        probes = trials.probes.only(face=setting.face, voice=setting.voice)
        expected = learner.method().scores(probes, trials.references)
        assert np.isfinite(expected).all()
        assert np.array_equal(method.scores(probes, trials.references), expected)


def test_scores_do_not_depend_on_how_many_are_compared_at_a_time(trained: Fitted, monkeypatch: pytest.MonkeyPatch):
    method = MimopMethod(restored(checkpoints.load(trained.best), CPU), CPU)
    trials = experiment_of(TINY, DATA, 0).test[0]
    whole = method.scores(trials.probes, trials.references)

    monkeypatch.setattr("models.mimop.method.ROWS", 2 * len(trials.references) + 1)

    assert whole.shape == (len(trials.probes), len(trials.references))
    assert method.scores(trials.probes, trials.references) == pytest.approx(whole, abs=1e-4)


def test_people_of_one_modality_train_too():
    experiment = experiment_of(TINY, DATA, 0)

    populations = train.training_populations(experiment)

    # 24 faces and 18 voices make 18 chimeras, twice; six faces stay alone.
    assert [one.probes.present.all() for one in populations] == [True, True, False]
    assert populations[2].probes.present.any(0).tolist() == [True, False]
    assert len(populations[2].references) == 6


def test_the_command_trains_one_fold_and_says_how_it_went(tmp_path: Path):
    write(tmp_path / "features.sqlite", DATA)
    (tmp_path / "tiny.toml").write_text(
        "batches = 1\nprobes = 8\nsearch_steps = 0\ndrawings = 1\n[model]\nhead = 8\nhidden = 4\n[schedule]\nepochs = 1\n"
    )
    paths = {"config": "tiny.toml", "features": "features.sqlite", "out": "run"}

    done = subprocess.run(
        [sys.executable, "-m", "models.mimop.train", "--fold", "1", "--device", "cpu"]
        + [part for name, path in paths.items() for part in (f"--{name}", str(tmp_path / path))],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(train.__file__).parents[2],
    )

    assert done.returncode == 0, done.stderr
    assert "fold 1: best cost" in done.stdout
    meta = checkpoints.load(tmp_path / "run" / "fold1" / BEST, kind="mimop").meta
    assert meta["fold"] == 1
    assert (meta["config"]["model"]["face_width"], meta["config"]["model"]["head"]) == (FACE_WIDTH, 8)
    assert meta["features"] == dataclasses.asdict(DATA.header)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["fold1"]
