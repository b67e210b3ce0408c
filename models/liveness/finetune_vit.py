"""``python -m models.liveness.finetune_vit --table pictures.csv --backbone runs/vit/best.safetensors --out runs/vit-pad``

Teaches a pre-trained vision transformer to tell bona fide faces from attacks: a linear probe on the frozen class token, or
all weights starting from that probe (Kumar et al., "Fine-Tuning can Distort Pretrained Features", ICLR 2022). Measured by
ISO/IEC 30107-3 on folds that share no subject, each with a threshold from its training subjects. Knows no Django.
"""

from __future__ import annotations

import argparse
import copy
import csv
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from models.evaluation.pad import BONA_FIDE, PadReport, pad_table
from models.gates import GateCard
from models.liveness.dino_crops import read_squares
from models.liveness.pretrain_vit import load_backbone, untrained_backbone
from models.liveness.vit import VisionTransformer, VitGate
from models.training.checkpoint import Checkpoint, git_revision, save
from models.training.gate import BPCER_SET, GateTable, fit_gate, llrs_of, summary
from models.training.seeds import seed_everything

KIND = "liveness-vit-gate"
CUE = "vit_logit"
COLUMNS = ("path", "instrument", "subject", "dataset")
FEWEST_SUBJECTS = 3
TOKEN_BATCH = 64

Mask = NDArray[np.bool_]
# (training rows, rows to score) to logits of the latter, by a network that saw only the former.
Scorer = Callable[[Mask, Mask], NDArray[np.float64]]


class Mode(StrEnum):
    LINEAR = "linear"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class TuneConfig:
    """How the gate is trained.

    Arguments:
        folds: over subjects; 0 leaves each subject out by itself.
        strength: inverse regularisation of the probe. epochs, batch, learning_rate, weight_decay: of full fine-tuning.
    """

    mode: Mode = Mode.LINEAR
    folds: int = 5
    strength: float = 0.01
    epochs: int = 10
    batch: int = 32
    learning_rate: float = 2e-5
    weight_decay: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Presentations:
    """``paths`` of face crops; ``instrument``, ``subject`` and ``dataset`` (n,) as in ``GateTable``."""

    paths: tuple[Path, ...]
    instrument: NDArray[np.str_]
    subject: NDArray[np.str_]
    dataset: NDArray[np.str_]

    @property
    def real(self) -> Mask:
        return self.instrument == BONA_FIDE

    def cues(self, logits: NDArray[np.float64], rows: Mask) -> GateTable:
        return GateTable((CUE,), logits[:, None], self.instrument[rows], self.subject[rows], self.dataset[rows])


def read_table(path: Path) -> Presentations:
    """Presentations of a CSV file with the columns path (from the file's folder), instrument, subject and dataset.

    Raises:
        ValueError: columns, values, pictures, a class or subjects are missing, or data set or file format alone tells the
            classes apart.
    """
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    if missing:
        raise ValueError(f"{path} lacks the columns {', '.join(missing)}")
    for number, row in enumerate(rows, start=2):
        if not all(row[name] for name in COLUMNS):
            raise ValueError(f"{path}, line {number}: a value is missing")
        if not (path.parent / row["path"]).is_file():
            raise ValueError(f"{path}, line {number}: {row['path']} is not there")
    found = Presentations(
        tuple(path.parent / row["path"] for row in rows),
        *(np.array([row[name] for row in rows], np.str_) for name in COLUMNS[1:]),
    )
    _check(found, path)
    return found


def _check(found: Presentations, path: Path) -> None:
    real = found.real
    if not real.any() or real.all():
        raise ValueError(f"{path} needs bona fide presentations (instrument {BONA_FIDE}) and attacks")
    if len(set(found.paths)) != len(found.paths):
        raise ValueError(f"{path} holds a picture twice")
    if len(np.unique(found.subject)) < FEWEST_SUBJECTS:
        raise ValueError(f"{path} needs {FEWEST_SUBJECTS} subjects or more")
    suffixes = np.array([one.suffix.lower() for one in found.paths])
    for what, values in (("data set", found.dataset), ("file format", suffixes)):
        if not set(values[real]) & set(values[~real]):
            raise ValueError(f"{path}: {what} alone tells bona fide from attacks, and would be what is learned")


def subject_folds(subject: NDArray[np.str_], count: int, seed: int) -> NDArray[np.int64]:
    """(n,) fold of each presentation; all of a subject's are in one. Raises ValueError for too many or too few folds."""
    people, index = np.unique(subject, return_inverse=True)
    count = count or len(people)
    if not FEWEST_SUBJECTS <= count <= len(people):
        raise ValueError(f"{count} folds of {len(people)} subjects; {FEWEST_SUBJECTS} to {len(people)} are possible")
    return (np.random.default_rng(seed).permutation(len(people)) % count)[index]


def balance(table: Presentations, rows: Mask) -> NDArray[np.float64]:
    """(rows,) weights of mean 1: both classes weigh the same, and within the attacks every instrument does."""
    kinds, index, counts = np.unique(table.instrument[rows], return_inverse=True, return_counts=True)
    if BONA_FIDE not in kinds or len(kinds) < 2:
        raise ValueError("a training part has no bona fide presentations or no attacks; take other folds")
    share = np.where(kinds == BONA_FIDE, 0.5, 0.5 / (len(kinds) - 1))
    return (share / counts)[index] * rows.sum()


class Trainer:
    """Trains gates on rows of a table, always from the same backbone and seed."""

    def __init__(self, backbone: VisionTransformer, table: Presentations, config: TuneConfig) -> None:
        self._config, self._table = config, table
        self._start = VitGate(backbone.eval())
        self._pixels = torch.from_numpy(read_squares(table.paths, backbone.config.image))
        self._tokens = _batched(self._start.tokens, self._pixels)

    def scores(self, training: Mask, scored: Mask) -> NDArray[np.float64]:
        gate = self.gate(training)
        if self._config.mode is Mode.LINEAR:
            with torch.inference_mode():
                return gate.head(self._tokens[scored])[:, 0].double().numpy()
        return _batched(gate, self._pixels[scored]).double().numpy()

    def gate(self, training: Mask) -> VitGate:
        gate = copy.deepcopy(self._start)
        self._probe(gate, training)
        return self._tuned(gate, training) if self._config.mode is Mode.FULL else gate

    def _probe(self, gate: VitGate, training: Mask) -> None:
        tokens = self._tokens[training].double().numpy()
        centre, scale = tokens.mean(0), np.maximum(tokens.std(0), 1e-6)
        model = LogisticRegression(C=self._config.strength, max_iter=2000)
        weights = balance(self._table, training)
        model.fit((tokens - centre) / scale, self._table.real[training], sample_weight=weights)
        slope = model.coef_[0] / scale
        with torch.no_grad():
            gate.head.weight.copy_(torch.from_numpy(slope)[None])
            gate.head.bias.fill_(float(model.intercept_[0] - slope @ centre))

    def _tuned(self, gate: VitGate, training: Mask) -> VitGate:
        config = self._config
        pixels, real = self._pixels[training], torch.from_numpy(self._table.real[training]).float()
        weights = torch.from_numpy(balance(self._table, training)).float()
        optimiser = torch.optim.AdamW(gate.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        gate.train()
        for epoch in range(1, config.epochs + 1):
            draw = seed_everything(config.seed, epoch=epoch)
            for chosen in torch.from_numpy(draw.permutation(len(real))).split(config.batch):
                batch = pixels[chosen].float()
                mirrored = torch.rand(len(chosen)) < 0.5
                batch[mirrored] = batch[mirrored].flip(3)
                loss = F.binary_cross_entropy_with_logits(gate(batch), real[chosen], weight=weights[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return gate.eval()


def out_of_fold(score: Scorer, fold: NDArray[np.int64], rows: Mask) -> NDArray[np.float64]:
    """Logits of ``rows``, each by a network trained on the other folds' part of them."""
    logits = np.full(len(fold), np.nan)
    for inner in np.unique(fold[rows]):
        scored = rows & (fold == inner)
        logits[scored] = score(rows & ~scored, scored)
    return logits[rows]


def measure(score: Scorer, table: Presentations, fold: NDArray[np.int64]) -> tuple[PadReport, NDArray[np.float64]]:
    """Rates over all folds, and each presentation's ratio less the threshold that its fold's training subjects set."""
    scores = np.empty(len(fold))
    for held_out in np.unique(fold):
        test = fold == held_out
        training = table.cues(out_of_fold(score, fold, ~test), ~test)
        card = fit_gate(training, name=CUE, command="", bpcer_set=BPCER_SET)
        scores[test] = llrs_of(card, table.cues(score(~test, test), test)) - card.threshold
    return pad_table(scores, table.instrument, table.subject, 0.0), scores


def calibrate(gate: VitGate, card: GateCard) -> VitGate:
    """Write a card of the logit into the last layer, so that the network says log-likelihood ratios.

    Raises:
        ValueError: on unseen subjects more of the logit means less bona fide: there is nothing to ship.
    """
    (cue,) = card.cues
    if cue.weight <= 0:
        raise ValueError("the network is no better than chance on subjects that it has not seen; nothing was written")
    slope = cue.weight / cue.scale
    with torch.no_grad():
        gate.head.weight.mul_(slope)
        gate.head.bias.mul_(slope).add_(card.offset - slope * cue.centre)
    return gate


def finetune(backbone: VisionTransformer, table: Presentations, config: TuneConfig, folder: Path) -> PadReport:
    """Measure on folds, train on everybody, write ``report.json``, ``scores.csv`` and ``gate.safetensors``.

    Raises:
        ValueError: as ``subject_folds``, ``balance`` and ``calibrate``; the report is written before the last of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fold = subject_folds(table.subject, config.folds, config.seed)
    trainer = Trainer(backbone, table, config)
    report, scores = measure(trainer.scores, table, fold)
    points = [dataclasses.asdict(point) for point in report.points]
    (folder / "report.json").write_text(json.dumps({**summary(report), "points": points}, indent=1) + "\n")
    with (folder / "scores.csv").open("w", newline="") as file:
        columns = (map(str, table.paths), table.instrument, table.subject, fold, scores)
        csv.writer(file).writerows([("path", "instrument", "subject", "fold", "score"), *zip(*columns, strict=True)])
    everybody = np.ones(len(fold), np.bool_)
    card = fit_gate(table.cues(out_of_fold(trainer.scores, fold, everybody), everybody), name=CUE, command="")
    gate = calibrate(trainer.gate(everybody), card)
    meta = {
        "kind": KIND,
        "vit": dataclasses.asdict(backbone.config),
        "tuning": dataclasses.asdict(config),
        "threshold": card.threshold,
        "data": list(card.data),
        "revision": git_revision(),
    }
    save(folder / "gate.safetensors", Checkpoint(gate.state_dict(), meta))
    return report


def _batched(function: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([function(part.float()) for part in pixels.split(TOKEN_BATCH)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV: path, instrument, subject, dataset")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--backbone", type=Path, help="best.safetensors of pretrain_vit, or published .pth")
    start.add_argument("--untrained", type=Path, metavar="CONFIG", help="the baseline: this network without training")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.LINEAR)
    parser.add_argument("--folds", type=int, default=5, help="0 leaves each subject out by itself")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = TuneConfig(options.mode, options.folds, epochs=options.epochs, seed=options.seed)
    backbone = (
        load_backbone(options.backbone) if options.backbone else untrained_backbone(options.untrained, options.seed)
    )
    print(json.dumps(summary(finetune(backbone, read_table(options.table), config, options.out)), indent=1))


if __name__ == "__main__":
    main()
