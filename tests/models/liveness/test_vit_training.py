"""Pre-training learns without labels and resumes exactly; the gate is measured on subjects that it has not seen."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from models.liveness.dino import DinoConfig
from models.liveness.dino_crops import CropConfig, pictures_under, read_squares
from models.liveness.export_vit import load_gate
from models.liveness.finetune_vit import (
    Mode,
    Trainer,
    TuneConfig,
    balance,
    finetune,
    measure,
    out_of_fold,
    read_table,
    subject_folds,
)
from models.liveness.pretrain_vit import (
    DinoLearner,
    PretrainConfig,
    load_backbone,
    pretrain,
    run,
    untrained_backbone,
)
from models.liveness.vit import VisionTransformer, VitConfig, VitGate
from models.training.checkpoint import BadCheckpoint, load
from models.training.configuration import merged, read_toml
from models.training.loop import LOG, STATE, OtherRun
from models.training.seeds import seed_everything

CPU = torch.device("cpu")
CONFIGS = Path(__file__).parents[3] / "models" / "liveness" / "configs"
TINY = PretrainConfig(
    vit=VitConfig(image=32, patch=8, width=32, depth=2, heads=2, hidden=2.0, drop_path=0.1, start=0.15),
    crops=CropConfig(large=32, small=16, smalls=2),
    dino=DinoConfig(outputs=16, hidden=16, bottleneck=8, teacher_warmup=2, teacher_start=0.03),
    epochs=4,
    batch=4,
    warmup=1,
    threads=1,
)
# Two large crops and a sharp teacher: with so few pictures the published temperature ends in a uniform output.
TEXTURES = PretrainConfig(
    vit=replace(TINY.vit, drop_path=0.0),
    crops=CropConfig(
        large=32, smalls=0, border=0.6, jitter=1.5, grey=0.3, blur_first=0, blur_second=0, blur_small=0, solarise=0
    ),
    dino=DinoConfig(
        outputs=64,
        hidden=64,
        bottleneck=32,
        teacher_start=0.02,
        teacher_temperature=0.02,
        teacher_momentum=0.98,
        centre_momentum=0.5,
        frozen_epochs=0,
    ),
    epochs=80,
    batch=32,
    learning_rate=0.008,
    warmup=2,
    last_decay=0.04,
    threads=1,
)


def striped(upright: int, draw: np.random.Generator, side: int = 40) -> np.ndarray:
    """Stripes four pixels wide, each of a colour of its own: only their direction is the same within a texture."""
    colours = draw.integers(0, 256, (side // 4 + 1, 3)).repeat(4, 0)[int(draw.integers(4)) :][:side]
    picture = np.broadcast_to(colours[None], (side, side, 3)).astype(np.uint8)
    return np.ascontiguousarray(picture if upright else picture.transpose(1, 0, 2))


def textures(folder: Path, count: int, seed: int) -> tuple[list[Path], list[int]]:
    draw = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:03d}.png"), striped(number % 2, draw))
    return pictures_under([folder]), [number % 2 for number in range(count)]


def separation(backbone: VisionTransformer, known, unknown) -> tuple[float, float]:
    """Shares of unknown pictures that a k-NN and a linear probe on the class token of known ones get right."""
    gate = VitGate(backbone.eval())
    with torch.no_grad():
        seen, new = (
            torch.nn.functional.normalize(gate.tokens(torch.from_numpy(read_squares(paths, 32)).float()), dim=1).numpy()
            for paths, _ in (known, unknown)
        )
    neighbours = KNeighborsClassifier(5).fit(seen, known[1]).score(new, unknown[1])
    return neighbours, LogisticRegression(C=100, max_iter=1000).fit(seen, known[1]).score(new, unknown[1])


def test_pretraining_lowers_the_loss_and_tells_textures_apart_without_labels(tmp_path: Path):
    known, unknown = textures(tmp_path / "known", 96, 0), textures(tmp_path / "unknown", 200, 1)
    seed_everything(TEXTURES.seed)
    before = separation(VisionTransformer(TEXTURES.vit), known, unknown)

    fitted = pretrain(TEXTURES, known[0], tmp_path / "run", CPU, quiet=True)

    after = separation(load_backbone(fitted.best), known, unknown)
    with (tmp_path / "run" / LOG).open() as file:
        log = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert log[-1]["loss"] < 0.8 * log[0]["loss"]
    assert log[-1]["spread"] - log[-1]["entropy"] > 0.1  # neither collapse
    for trained, untrained in zip(after, before, strict=True):
        assert trained > 0.85
        assert trained > untrained + 0.1


class Killed(DinoLearner):
    def run_epoch(self, epoch: int, draw: np.random.Generator) -> dict[str, float]:
        if epoch > 2:
            raise KeyboardInterrupt
        return super().run_epoch(epoch, draw)


def test_a_killed_run_ends_as_an_unbroken_one_bit_for_bit(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 9, 0)
    pretrain(TINY, paths, tmp_path / "unbroken", CPU, quiet=True)
    with pytest.raises(KeyboardInterrupt):
        run(Killed(TINY, paths, CPU), TINY, paths, tmp_path / "broken", quiet=True)

    fitted = pretrain(TINY, paths, tmp_path / "broken", CPU, quiet=True)

    unbroken, broken = (load(tmp_path / name / STATE).tensors for name in ("unbroken", "broken"))
    assert fitted.best_epoch == fitted.epochs == 4
    assert unbroken.keys() == broken.keys()
    assert all(torch.equal(value, broken[name]) for name, value in unbroken.items())


def test_the_number_of_threads_changes_nothing(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 8, 0)

    states = []
    for threads in (1, 3):
        learner = DinoLearner(replace(TINY, threads=threads), paths, CPU)
        learner.run_epoch(1, seed_everything(0, epoch=1))
        states.append(learner.state())

    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_the_last_layer_stays_while_it_is_frozen(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 8, 0)
    learner = DinoLearner(replace(TINY, weight_decay=0.0, last_decay=0.0), paths, CPU)
    before = learner.pair.student.head.last.detach().clone()

    learner.run_epoch(1, seed_everything(0, epoch=1))
    frozen = learner.pair.student.head.last.detach().clone()
    learner.run_epoch(2, seed_everything(0, epoch=2))

    assert torch.equal(frozen, before)
    assert not torch.equal(learner.pair.student.head.last, before)


def test_a_run_is_not_taken_up_with_other_pictures(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 8, 0)
    config = replace(TINY, epochs=1)
    pretrain(config, paths, tmp_path / "run", CPU, quiet=True)
    cv2.imwrite(str(paths[0]), np.zeros((40, 40, 3), np.uint8))

    with pytest.raises(OtherRun):
        pretrain(config, paths, tmp_path / "run", CPU, quiet=True)


def test_only_a_backbone_loads_as_one(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 8, 0)
    fitted = pretrain(replace(TINY, epochs=1), paths, tmp_path / "run", CPU, quiet=True)

    assert load_backbone(fitted.best).config == TINY.vit
    with pytest.raises(BadCheckpoint, match=r"best\.safetensors"):
        load_backbone(tmp_path / "run" / STATE)
    with pytest.raises(BadCheckpoint):
        load_backbone(paths[0])


def test_too_few_pictures_are_refused(tmp_path: Path):
    paths, _ = textures(tmp_path / "pictures", 3, 0)

    with pytest.raises(ValueError, match="takes 4 pictures; there are 3"):
        DinoLearner(TINY, paths, CPU)
    with pytest.raises(ValueError, match="holds no pictures"):
        pictures_under([tmp_path / "nothing"])


@pytest.mark.parametrize(
    "wrong", [{"crops": CropConfig(large=64, small=16)}, {"crops": CropConfig(large=32, small=20)}]
)
def test_crops_that_do_not_fit_the_network_are_refused(wrong: dict):
    with pytest.raises(ValueError):
        replace(TINY, **wrong)


@pytest.mark.parametrize("name", ["vit_tiny", "vit_small"])
def test_the_recipes_that_ship_are_complete(name: str):
    config = merged(PretrainConfig(), read_toml(CONFIGS / f"{name}.toml"))

    assert (config.vit.image, config.vit.patch, config.vit.depth) == (224, 16, 12)
    assert config.vit.width == {"vit_tiny": 192, "vit_small": 384}[name]


# The gate. An attack is a darker picture here.

SUBJECTS = ("ada", "bob", "cy", "di", "ed", "flo")


def table_of(folder: Path, *, tells: bool = True, each: int = 6) -> Path:
    """``each`` bona fide presentations and attacks of two instruments, unequal in number, a subject."""
    draw = np.random.default_rng(5)
    rows = []
    for subject in SUBJECTS:
        for number in range(2 * each):
            attack = number % 2
            instrument = ("screen" if number % 6 == 1 else "print") if attack else "bona_fide"
            name = f"{subject}{number}.png"
            picture = striped(0, draw)
            cv2.imwrite(str(folder / name), picture // 3 if tells and attack else picture)
            rows.append((name, instrument, subject, "made"))
    return written(folder, rows)


def written(folder: Path, rows: list[tuple[str, ...]], header=("path", "instrument", "subject", "dataset")) -> Path:
    path = folder / "pictures.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def backbone() -> VisionTransformer:
    seed_everything(3)
    return VisionTransformer(TINY.vit)


def test_folds_share_no_subject_and_leave_nobody_out():
    subject = np.array([name for name in SUBJECTS for _ in range(4)])

    for count in (3, 5, 0):
        fold = subject_folds(subject, count, seed=0)

        assert len(np.unique(fold)) == (count or len(SUBJECTS))
        assert all(len(np.unique(fold[subject == name])) == 1 for name in SUBJECTS)


@pytest.mark.parametrize("count", [2, 7])
def test_folds_that_cannot_be_are_refused(count: int):
    with pytest.raises(ValueError, match="are possible"):
        subject_folds(np.array(SUBJECTS), count, seed=0)


def test_no_presentation_is_scored_by_a_network_that_saw_its_subject(tmp_path: Path):
    table = read_table(table_of(tmp_path))
    fold = subject_folds(table.subject, 3, seed=0)
    calls = []

    def score(training: np.ndarray, scored: np.ndarray) -> np.ndarray:
        calls.append((training.copy(), scored.copy()))
        return table.real[scored] * 1.0 + np.arange(scored.sum()) * 1e-3

    measure(score, table, fold)

    assert len(calls) == 3 * (2 + 1)
    for training, scored in calls:
        assert not set(table.subject[training]) & set(table.subject[scored])
    for held_out in range(3):  # the threshold of a fold knows nothing of its test subjects
        inner = calls[3 * held_out : 3 * held_out + 2]
        assert not any((training | scored)[fold == held_out].any() for training, scored in inner)


def test_out_of_fold_scores_come_back_in_their_rows(tmp_path: Path):
    table = read_table(table_of(tmp_path))
    fold, rows = subject_folds(table.subject, 3, seed=0), np.arange(len(table.paths)) % 5 != 0

    found = out_of_fold(lambda training, scored: np.flatnonzero(scored) * 1.0, fold, rows)

    assert np.array_equal(found, np.flatnonzero(rows))


def test_classes_and_instruments_weigh_the_same_however_many_there_are(tmp_path: Path):
    table = read_table(table_of(tmp_path))
    rows = table.subject != "ada"

    weights = balance(table, rows)

    total = {
        kind: weights[table.instrument[rows] == kind].sum() / weights.sum() for kind in np.unique(table.instrument)
    }
    assert total == pytest.approx({"bona_fide": 0.5, "print": 0.25, "screen": 0.25})
    assert weights.mean() == pytest.approx(1.0)


def test_a_training_part_of_one_class_is_refused(tmp_path: Path):
    table = read_table(table_of(tmp_path))

    with pytest.raises(ValueError, match="take other folds"):
        balance(table, table.real)


def test_the_probe_inside_the_network_says_what_the_trainer_scores(tmp_path: Path):
    table = read_table(table_of(tmp_path))
    trainer = Trainer(backbone(), table, TuneConfig(folds=3))
    training = table.subject != "ada"

    scores, gate = trainer.scores(training, ~training), trainer.gate(training)

    pixels = torch.from_numpy(
        read_squares([p for p, t in zip(table.paths, training, strict=True) if not t], 32)
    ).float()
    assert gate(pixels).detach().numpy() == pytest.approx(scores, abs=1e-4)


def test_a_gate_of_a_telling_difference_is_measured_calibrated_and_stored(tmp_path: Path):
    table = read_table(table_of(tmp_path, each=12))

    report = finetune(backbone(), table, TuneConfig(folds=3, strength=1.0), tmp_path / "out")

    gate, threshold = load_gate(tmp_path / "out" / "gate.safetensors")
    stored = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report.apcer) == set(stored["apcer"]) == {"print", "screen"}
    assert stored["bpcer"]["trials"] == 72
    assert stored["subjects"] == 6
    assert report.acer.estimate < 0.2
    logits = gate(torch.from_numpy(read_squares(table.paths, 32)).float()).detach().numpy()
    assert np.mean((logits > 0) == table.real) > 0.9
    assert np.isfinite(threshold)
    assert len((tmp_path / "out" / "scores.csv").read_text().splitlines()) == 145


def test_where_nothing_tells_the_classes_apart_the_rates_say_so(tmp_path: Path):
    table = read_table(table_of(tmp_path, tells=False))
    trainer = Trainer(backbone(), table, TuneConfig(folds=3))

    report, _ = measure(trainer.scores, table, subject_folds(table.subject, 3, seed=0))

    assert report.acer.estimate > 0.3


def test_full_fine_tuning_moves_the_backbone_and_the_same_seed_gives_the_same_network(tmp_path: Path):
    table = read_table(table_of(tmp_path))
    config = TuneConfig(mode=Mode.FULL, folds=3, epochs=2, learning_rate=1e-3)
    everybody = np.ones(len(table.paths), np.bool_)

    one, other = (Trainer(backbone(), table, config).gate(everybody).state_dict() for _ in range(2))

    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert not torch.equal(one["backbone.patches.weight"], backbone().state_dict()["patches.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [(*row[:2], "", row[3]) for row in rows], "line 2: a value is missing"),
        (lambda rows: [("gone.png", *rows[0][1:]), *rows[1:]], r"gone\.png is not there"),
        (lambda rows: [(row[0], "print", *row[2:]) for row in rows], "bona fide presentations"),
        (lambda rows: [*rows, rows[0]], "a picture twice"),
        (lambda rows: [(*row[:2], "ada", row[3]) for row in rows], "3 subjects"),
        (lambda rows: [(*row[:3], row[1]) for row in rows], "data set alone"),
    ],
)
def test_a_bad_table_is_refused_with_what_is_wrong(tmp_path: Path, change, message: str):
    with table_of(tmp_path).open(newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]

    with pytest.raises(ValueError, match=message):
        read_table(written(tmp_path, change(rows)))


def test_a_table_whose_classes_differ_by_file_format_is_refused(tmp_path: Path):
    rows = []
    for number, subject in enumerate(SUBJECTS):
        name = f"{subject}{'.png' if number % 2 else '.jpg'}"
        (tmp_path / name).touch()
        rows.append((name, "print" if number % 2 else "bona_fide", subject, "made"))

    with pytest.raises(ValueError, match="file format alone"):
        read_table(written(tmp_path, rows))


def test_a_table_without_its_columns_or_without_a_file_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="lacks the columns dataset"):
        read_table(written(tmp_path, [("a", "b", "c")], header=("path", "instrument", "subject")))
    with pytest.raises(ValueError, match=r"gone\.csv"):
        read_table(tmp_path / "gone.csv")


def test_a_crop_that_is_not_square_is_refused(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "wide.png"), np.zeros((20, 30, 3), np.uint8))

    with pytest.raises(ValueError, match="not square"):
        read_squares([tmp_path / "wide.png"], 32)


def test_the_untrained_baseline_is_the_configurations_network(tmp_path: Path):
    (tmp_path / "c.toml").write_text(
        "[vit]\nimage = 32\npatch = 8\nwidth = 32\nheads = 2\ndepth = 2\n[crops]\nlarge = 32\n"
    )

    one, same, other = (untrained_backbone(tmp_path / "c.toml", seed).state_dict() for seed in (1, 1, 2))

    assert torch.equal(one["positions"], same["positions"])
    assert not torch.equal(one["positions"], other["positions"])
