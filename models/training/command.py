"""What the training commands of both families share on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch


def add_arguments(parser: argparse.ArgumentParser, config: Path) -> None:
    parser.add_argument("--config", type=Path, default=config, help="a TOML file")
    parser.add_argument("--features", type=Path, required=True, help="a feature file, or a folder of extracted ones")
    parser.add_argument("--out", type=Path, required=True, help="a folder; a second call goes on with what is there")
    parser.add_argument("--fold", type=int, help="train this fold only; all of them when left out")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def chosen_device(name: str) -> torch.device:
    """Raises ValueError when CUDA is asked for and not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("CUDA was asked for and is not there")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def chosen_folds(fold: int | None, count: int) -> range:
    """Raises ValueError for a fold that does not exist."""
    if fold is None:
        return range(count)
    if not 0 <= fold < count:
        raise ValueError(f"there is no fold {fold}; there are 0 to {count - 1}")
    return range(fold, fold + 1)
