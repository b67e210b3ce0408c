"""What ``manage.py evaluate`` was asked for, and which of its options go together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

BY_SCORES = ("face", "voice", "B2", "B4", "B4q")
TRAINED = ("mimop", "cosmic")
METHODS = (*BY_SCORES, *TRAINED)


@dataclass(frozen=True, slots=True)
class Request:
    """What to report on.

    Arguments:
        scores: folders of ``run_ablation`` (all their folds joined) and files of scores; no model runs.
        settings: which scores of a folder.
        ratios: whether the scores in ``scores`` are natural-log likelihood ratios.
        features: to score now by ``method``; beside ``scores`` it only says what data they are of.
        fold: None for 0, or for a checkpoint's own.
        pad, labels: CSV files, see ``worker.evaluation_files``.

    Raises:
        ValueError: these do not go together.
    """

    out: Path
    command: str
    scores: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ("face+voice",)
    ratios: bool = True
    features: Path | None = None
    method: str = ""
    checkpoint: Path | None = None
    fold: int | None = None
    pad: Path | None = None
    pad_threshold: float | None = None
    labels: Path | None = None
    draws: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        if self.out.is_dir():
            raise ValueError(f"{self.out} is a folder; the report is a file")
        if self.draws < 1:
            raise ValueError("--draws has to be 1 at least")
        self._check_method()
        if not (self.scores or self.method or self.pad):
            raise ValueError("nothing to report on: give --scores, --features with --method, or --pad")
        if (self.pad is None) != (self.pad_threshold is None) or not math.isfinite(self.pad_threshold or 0.0):
            raise ValueError("--pad and --pad-threshold, a number that was chosen on other data, go together")

    def _check_method(self) -> None:
        if self.method and self.scores:
            raise ValueError("--scores are made already: give --scores or --method, not both")
        if self.method and self.features is None:
            raise ValueError("--method needs --features")
        if self.features is not None and not (self.method or self.scores):
            raise ValueError(f"--features needs --method, one of {', '.join(METHODS)}")
        if (self.method in TRAINED) != (self.checkpoint is not None):
            raise ValueError(f"--checkpoint goes with --method {' or '.join(TRAINED)}")
        if self.labels is not None and not (self.scores or self.method):
            raise ValueError("--labels needs scores to break down")
        if self.fold is not None and not self.method:
            raise ValueError("--fold needs --method; a folder of scores stands for all of its folds")
