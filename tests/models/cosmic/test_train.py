"""COSMIC is trained, stopped, resumed, restored and measured as it promises, on its training people and nobody else."""

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

from models.cosmic.config import CosmicConfig, TrainConfig, variant
from models.cosmic.evaluate_checkpoint import evaluate_checkpoint, main
from models.cosmic.health import linear_probe, recordings
from models.cosmic.method import CosmicMethod, capture_of, restored
from models.cosmic.nodes import Node
from models.cosmic.train import CosmicLearner, train_fold, training_embeddings
from models.data.batches import Sampling
from models.data.context import scaler_of
from models.data.features import Features, FeaturesMismatch, ModalityFeatures
from models.training import checkpoint as checkpoints
from models.training.checkpoint import BadCheckpoint, Checkpoint
from models.training.command import chosen_folds
from models.training.experiment import BOTH, Experiment, score_set
from models.training.fold import experiment_of
from models.training.loop import BEST, LOG, STATE, Fitted, Schedule, fit
from models.training.validation import validation_cost
from tests.feature_file import write
from tests.features import FACE_WIDTH, VOICE_WIDTH, features

CPU = torch.device("cpu")
DATA = features(faces=40, voices=30)
TINY = TrainConfig(
    model=CosmicConfig(hidden=16, identity=12, latent=8),
    sampling=Sampling(people=6, captures=3, batches=3),
    schedule=Schedule(epochs=2, patience=9, seed=3),
    warmup=2,
    drawings=2,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return trained_in(tmp_path_factory.mktemp("trained"))


def trained_in(folder: Path, config: TrainConfig = TINY, data: Features = DATA, *, fold: int = 0) -> Fitted:
    return train_fold(config, data, fold, folder, CPU, quiet=True)


@pytest.mark.parametrize("name", ["A1", "compact", "A7"])
def test_a_run_killed_after_an_epoch_ends_as_an_unbroken_one(name: str, tmp_path: Path, monkeypatch):
    config = variant(TINY, name)
    trained_in(tmp_path / "unbroken", config)
    run_epoch = CosmicLearner.run_epoch

    def killed(self: CosmicLearner, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        if epoch == 2:
            raise KeyboardInterrupt
        return run_epoch(self, epoch, draw)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(CosmicLearner, "run_epoch", killed)
        trained_in(tmp_path / "broken", config)
    trained_in(tmp_path / "broken", config)

    for file in (STATE, BEST):
        unbroken, broken = (checkpoints.load(tmp_path / run / file).tensors for run in ("unbroken", "broken"))
        assert unbroken.keys() == broken.keys()
        assert all(torch.equal(value, broken[key]) for key, value in unbroken.items())
    assert any(key.startswith("optimiser.") for key in checkpoints.load(tmp_path / "broken" / STATE).tensors)
    first, second = ((tmp_path / run / LOG).read_text() for run in ("unbroken", "broken"))
    assert first == second
    assert first.splitlines()[0].startswith("epoch,validation,")


def test_training_moves_every_part_and_another_seed_elsewhere(trained: Fitted, tmp_path: Path):
    learner = CosmicLearner(sized(TINY), experiment_of(TINY, DATA, 0), CPU)
    other = trained_in(tmp_path, replace(TINY, schedule=replace(TINY.schedule, seed=4)))

    before, after, elsewhere = (
        learner.state(),
        *(checkpoints.load(one.best.with_name(STATE)).tensors for one in (trained, other)),
    )

    learned = dict(learner.model.named_parameters())
    assert all(not torch.equal(before[f"model.{name}"], after[f"model.{name}"]) for name in learned)
    assert not torch.equal(after["balancer.uncertainty.log_variances"], torch.zeros(9))
    assert after["barrier"][0] == TINY.schedule.epochs * TINY.sampling.batches
    assert not torch.equal(after["model.kinds"], elsewhere["model.kinds"])


def sized(config: TrainConfig) -> TrainConfig:
    return replace(config, model=replace(config.model, face_width=FACE_WIDTH, voice_width=VOICE_WIDTH))


def test_a_checkpoint_says_what_it_was_made_of(trained: Fitted):
    meta = checkpoints.load(trained.best, kind="cosmic").meta

    assert meta["config"] == json.loads(json.dumps(dataclasses.asdict(sized(TINY))))
    assert meta["features"] == dataclasses.asdict(DATA.header)
    assert meta["samples"] == {"face": 320, "voice": 240}
    assert meta["fold"] == 0
    assert meta["revision"] == checkpoints.git_revision()
    assert meta["progress"]["best_cost"] == trained.best_cost


def test_a_restored_network_scores_as_the_trained_one(trained: Fitted):
    experiment = experiment_of(TINY, DATA, 0)
    learner = CosmicLearner(sized(TINY), experiment, CPU)
    learner.load_state(checkpoints.load(trained.best.with_name(STATE)).tensors)
    last = Checkpoint(learner.weights(), checkpoints.load(trained.best).meta)

    method = CosmicMethod(*restored(last, CPU), CPU, context=False)

    test = experiment.test[0]
    assert np.array_equal(
        method.scores(test.probes, test.references), learner.method().scores(test.probes, test.references)
    )
    assert learner.validate() == validation_cost(method, experiment.validation)


def test_evaluating_a_checkpoint_twice_gives_the_same_figures(trained: Fitted):
    first, second = (evaluate_checkpoint(trained.best, DATA) for _ in range(2))

    assert first == second
    assert {name.split(":")[0] for name in first["figures"]} == {
        f"{setting}, {state}" for setting in ("face+voice", "face", "voice") for state in ("all", "clean", "degraded")
    }
    assert first["figures"]["face+voice, all: EER"] < 0.25
    assert first["health"]["probe_chance"] == 1 / 6
    json.dumps(first, allow_nan=False)


def test_features_of_other_models_are_refused(trained: Fitted):
    other = replace(DATA, header=replace(DATA.header, face_sha256="f" * 64))

    with pytest.raises(FeaturesMismatch, match="other models"):
        evaluate_checkpoint(trained.best, other)


def test_more_samples_are_refused_since_their_folds_are_others(trained: Fitted):
    with pytest.raises(FeaturesMismatch, match="320"):
        evaluate_checkpoint(trained.best, features(faces=41, voices=30))


def test_a_checkpoint_of_another_family_is_refused(tmp_path: Path):
    checkpoints.save(tmp_path / "mimop.safetensors", Checkpoint({"a": torch.ones(1)}, {"kind": "mimop"}))

    with pytest.raises(BadCheckpoint, match="not cosmic"):
        evaluate_checkpoint(tmp_path / "mimop.safetensors", DATA)


# -- who trains, and who stops it


def scrambled(side: ModalityFeatures, names: frozenset[str]) -> ModalityFeatures:
    """Other embeddings, context and quality for the people of ``names``."""
    draw = np.random.default_rng(9)
    rows = np.isin(side.identity, sorted(names))
    embeddings, context, quality = side.embeddings.copy(), side.context.copy(), side.quality.copy()
    other = draw.standard_normal((rows.sum(), side.width))
    embeddings[rows] = other / np.linalg.norm(other, axis=1, keepdims=True)
    context[rows] = 100 + draw.standard_normal((rows.sum(), context.shape[1]))
    quality[rows] = draw.random(rows.sum())
    return replace(side, embeddings=embeddings, context=context, quality=quality)


def with_others(part: str) -> Features:
    """The data with nonsense in place of the people of a part of fold 0."""
    split = getattr(experiment_of(TINY, DATA, 0).fold, part)
    return replace(DATA, face=scrambled(DATA.face, split.faces), voice=scrambled(DATA.voice, split.voices))


def test_test_people_have_no_influence_on_anything_that_training_leaves(trained: Fitted, tmp_path: Path):
    trained_in(tmp_path, data=with_others("test"))

    for file in (STATE, BEST):
        expected, found = (checkpoints.load(folder / file) for folder in (trained.best.parent, tmp_path))
        assert all(torch.equal(value, found.tensors[name]) for name, value in expected.tensors.items())
    assert expected.meta["progress"] == found.meta["progress"]


def test_validation_people_change_when_training_stops_and_no_weight(trained: Fitted, tmp_path: Path):
    trained_in(tmp_path, data=with_others("validation"))

    expected, found = (checkpoints.load(folder / STATE) for folder in (trained.best.parent, tmp_path))

    assert all(torch.equal(value, found.tensors[name]) for name, value in expected.tensors.items())
    assert expected.meta["progress"]["best_cost"] != found.meta["progress"]["best_cost"]


def test_training_people_do_have_an_influence(trained: Fitted, tmp_path: Path):
    trained_in(tmp_path, data=with_others("train"))

    expected, found = (checkpoints.load(folder / STATE).tensors for folder in (trained.best.parent, tmp_path))

    assert not torch.equal(expected["model.kinds"], found["model.kinds"])
    assert not torch.equal(expected["scaler.mean"], found["scaler.mean"])


def test_the_start_sees_the_embeddings_of_training_people_only():
    experiment = experiment_of(TINY, DATA, 0)

    face, voice = training_embeddings(experiment, CPU)

    for found, side, names in (
        (face, DATA.face, experiment.fold.train.faces),
        (voice, DATA.voice, experiment.fold.train.voices),
    ):
        expected = side.embeddings[np.isin(side.identity, sorted(names))]
        assert sorted(map(bytes, found.numpy())) == sorted(map(bytes, expected))


class Counted(CosmicLearner):
    """A learner whose cost on validation people is written beforehand."""

    costs = (3.0, 2.0, 5.0, 4.0, 1.0)

    def validate(self) -> float:
        super().validate()
        self.asked = getattr(self, "asked", 0) + 1
        return self.costs[self.asked - 1]


def test_training_stops_early_and_keeps_the_best_epoch(tmp_path: Path):
    config = sized(TINY)
    learner = Counted(config, experiment_of(config, DATA, 0), CPU)

    fitted = fit(learner, schedule=Schedule(5, 2), folder=tmp_path, meta={}, quiet=True)

    assert (fitted.epochs, fitted.best_epoch, fitted.best_cost) == (4, 2, 2.0)
    best, last = (checkpoints.load(tmp_path / file).tensors["model.kinds"] for file in (BEST, STATE))
    assert not torch.equal(best, last)


def test_the_cost_is_of_captures_without_context_as_the_cascade_has_them():
    config = sized(TINY)
    learner = CosmicLearner(config, experiment_of(config, DATA, 0), CPU)
    trials = experiment_of(config, DATA, 0).validation[0]
    probes = replace(trials.probes, context=np.full_like(trials.probes.context, 7.0))

    scores = learner.method().scores(probes, trials.references)

    assert np.array_equal(scores, learner.method().scores(trials.probes, trials.references))


# -- a way of comparing


def test_a_side_becomes_a_capture_whose_context_is_there_where_something_was_measured():
    experiment = experiment_of(TINY, DATA, 0)
    probes = experiment.test[0].probes
    probes.context[0] = np.nan
    scaler = scaler_of(DATA, experiment.train_people)

    with_it, without = (capture_of(probes, scaler, CPU, context=context) for context in (True, False))

    assert not with_it.present[0, Node.CONTEXT] and with_it.present[1:, Node.CONTEXT].all()
    assert not without.present[:, Node.CONTEXT].any()
    assert with_it.context.isfinite().all() and with_it.context.dtype == torch.float32
    assert torch.equal(with_it.present[:, :2], torch.from_numpy(probes.present))


def test_the_score_is_the_cosine_and_a_reference_counts_as_good(trained: Fitted):
    model, scaler = restored(checkpoints.load(trained.best), CPU)
    method = CosmicMethod(model, scaler, CPU)
    trials = experiment_of(TINY, DATA, 0).test[0]
    poor = replace(trials.references, quality=np.full_like(trials.references.quality, 0.2))

    scores = method.scores(trials.probes, trials.references)

    assert scores.shape == (len(trials.probes), len(trials.references)) and scores.dtype == np.float64
    assert np.abs(scores).max() <= 1 + 1e-6
    assert np.array_equal(scores, method.scores(trials.probes, poor))
    probe_quality = replace(trials.probes, quality=np.full_like(trials.probes.quality, 0.2))
    assert not np.allclose(scores, method.scores(probe_quality, trials.references), atol=1e-4)


# -- health


def test_no_recording_is_probed_twice():
    experiment = experiment_of(TINY, DATA, 0)

    side, label = recordings(experiment)

    assert len(np.unique(side.face, axis=0)) == len(np.unique(side.voice, axis=0)) == len(side) == 24
    assert np.unique(label, return_counts=True)[1].tolist() == [4] * 6


def test_a_context_of_noise_tells_nobody_apart(trained: Fitted):
    """The made-up context is noise; trials, which draw recordings again and again, would let it be remembered."""
    data = features(faces=60, voices=60, recordings=6)
    experiment = Experiment(data, experiment_of(TINY, data, 0).fold, drawings=1)
    side, label = recordings(experiment)
    trials = experiment.test[0]

    noise, remembered, known = (
        linear_probe(np.nan_to_num(values), owner)
        for values, owner in (
            (side.context, label),
            (trials.probes.context, trials.owner),
            (np.hstack([side.face, side.voice]), label),
        )
    )

    assert noise < 0.2
    assert remembered > 0.5
    assert known > 0.95


def test_health_names_what_a_variant_has(tmp_path: Path):
    fitted = trained_in(tmp_path, variant(replace(TINY, schedule=Schedule(1, 1)), "B3"))

    health = evaluate_checkpoint(fitted.best, DATA)["health"]

    assert health["condition"] is health["probe_context"] is health["active_dimensions"] is None
    assert health["identity_width"] == 12
    assert 1 <= health["effective_rank"] <= 12


def test_people_without_recordings_enough_are_not_probed():
    data = features(faces=40, voices=30, recordings=2)

    side, label = recordings(Experiment(data, experiment_of(TINY, data, 0).fold))

    assert len(side) == len(label) == 0


# -- the whole


def test_what_is_trained_beats_chance_by_far(trained: Fitted):
    experiment = experiment_of(TINY, DATA, 0)
    model, scaler = restored(checkpoints.load(trained.best), CPU)

    scores = score_set(CosmicMethod(model, scaler, CPU, context=False), experiment.test, BOTH)

    assert scores.genuine_scores().mean() > scores.impostor_scores().mean() + 0.3


CONFIG = """
drawings = 2
[model]
hidden = 16
identity = 8
latent = 8
[sampling]
people = 6
captures = 2
batches = 1
[schedule]
epochs = 1
"""


def test_the_commands_train_and_measure_from_a_feature_file(tmp_path: Path, monkeypatch, capsys):
    config, feature_file, out = tmp_path / "tiny.toml", tmp_path / "features.sqlite", tmp_path / "out"
    config.write_text(CONFIG)
    data = features(faces=20, voices=20, recordings=4)
    write(feature_file, data)
    arguments = ("--config", config, "--features", feature_file, "--out", out, "--fold", "0", "--device", "cpu")

    trained_ = subprocess.run(
        [sys.executable, "-m", "models.cosmic.train", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    best = out / "fold0" / BEST
    monkeypatch.setattr(sys, "argv", ["evaluate", "--checkpoint", str(best), "--features", str(feature_file)])
    main()

    assert "fold 0: best cost" in trained_.stdout
    assert [path.name for path in out.iterdir()] == ["fold0"]
    assert json.loads(capsys.readouterr().out) == evaluate_checkpoint(best, data)


def test_all_folds_are_trained_unless_one_is_named():
    assert list(chosen_folds(None, 5)) == [0, 1, 2, 3, 4]
    assert list(chosen_folds(4, 5)) == [4]
    with pytest.raises(ValueError, match="there is no fold 5; there are 0 to 4"):
        chosen_folds(5, 5)
