"""Ablations: figures by variant and fold, kept in a file as they come in, and one table with mean and deviation.

The file is CSV, one figure a line, and is replaced as a whole whenever a row is added: a run that was killed goes on
with what is not in it yet.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

COLUMNS = ("variant", "fold", "figure", "value")


@dataclass(frozen=True, slots=True)
class AblationRow:
    """The figures of one variant on one fold, by name.

    Raises:
        ValueError: a figure is no number; one that could not be measured is left out instead.
    """

    variant: str
    fold: int
    figures: dict[str, float]

    def __post_init__(self) -> None:
        wrong = [name for name, value in self.figures.items() if not math.isfinite(value)]
        if wrong:
            raise ValueError(f"{self.variant}, fold {self.fold}: {', '.join(wrong)} is no number")

    @property
    def key(self) -> tuple[str, int]:
        return self.variant, self.fold


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over ``folds`` folds. ``deviation`` is the sample's (n - 1), None for a single fold."""

    mean: float
    deviation: float | None
    folds: int


@dataclass(frozen=True, slots=True)
class TableRow:
    """One variant over its folds; a figure that no fold has is not among ``figures``."""

    variant: str
    folds: int
    figures: dict[str, Spread]


def table(rows: Iterable[AblationRow]) -> list[TableRow]:
    """One row a variant, in the order in which variants first come.

    Raises:
        ValueError: a variant has a fold twice.
    """
    by_variant: dict[str, list[AblationRow]] = {}
    seen: set[tuple[str, int]] = set()
    for row in rows:
        if row.key in seen:
            raise ValueError(f"{row.variant} has fold {row.fold} twice")
        seen.add(row.key)
        by_variant.setdefault(row.variant, []).append(row)
    return [
        TableRow(variant, len(folds), {name: _spread(name, folds) for name in _names(folds)})
        for variant, folds in by_variant.items()
    ]


def as_markdown(rows: Sequence[TableRow], *, digits: int = 4) -> str:
    """``mean ± deviation``; a figure from fewer folds than the variant has says from how many, a missing one is empty."""
    names = _columns(rows)
    lines = [["variant", "folds", *names]]
    lines.append(["---", *["---:"] * (len(names) + 1)])
    for row in rows:
        cells = [_cell(row.figures.get(name), row.folds, digits) for name in names]
        lines.append([row.variant.replace("|", "\\|"), str(row.folds), *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_csv(rows: Sequence[TableRow]) -> str:
    """The same with full precision: for each figure its mean, its deviation and how many folds it comes from."""
    names = _columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    kinds = ("mean", "deviation", "folds")
    writer.writerow(["variant", "folds", *(f"{name} {kind}" for name in names for kind in kinds)])
    for row in rows:
        cells: list[object] = []
        for name in names:
            spread = row.figures.get(name)
            cells += [spread.mean, spread.deviation, spread.folds] if spread else ["", "", 0]
        writer.writerow([row.variant, row.folds, *("" if cell is None else cell for cell in cells)])
    return text.getvalue()


def read_rows(path: Path) -> list[AblationRow]:
    """Everything in the file; nothing where there is none yet.

    Raises:
        ValueError: it is no such file.
    """
    if not path.is_file():
        return []
    found: dict[tuple[str, int], dict[str, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file)
        if tuple(lines.fieldnames or ()) != COLUMNS:
            raise ValueError(f"{path} has the columns {lines.fieldnames}, not {', '.join(COLUMNS)}")
        for line in lines:
            try:
                found.setdefault((line["variant"], int(line["fold"])), {})[line["figure"]] = float(line["value"])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {lines.line_num}: {error}") from error
    return [AblationRow(variant, fold, figures) for (variant, fold), figures in found.items()]


def append_row(path: Path, row: AblationRow) -> None:
    """Add a row to the file, which is whole before and after.

    Raises:
        ValueError: the variant has this fold already, or the row holds no figures.
    """
    rows = read_rows(path)
    if row.key in known(rows):
        raise ValueError(f"{path} has {row.variant}, fold {row.fold} already")
    if not row.figures:
        raise ValueError(f"{row.variant}, fold {row.fold}: there are no figures")
    draft = path.with_suffix(f"{path.suffix}.draft")
    with draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in [*rows, row]:
            writer.writerows([one.variant, one.fold, name, repr(value)] for name, value in one.figures.items())
    draft.replace(path)


def known(rows: Iterable[AblationRow]) -> set[tuple[str, int]]:
    """(variant, fold) of what need not be run again."""
    return {row.key for row in rows}


def _names(rows: Iterable[AblationRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.figures))


def _columns(rows: Iterable[TableRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.figures))


def _spread(name: str, folds: list[AblationRow]) -> Spread:
    values = [float(row.figures[name]) for row in folds if name in row.figures]
    return Spread(fmean(values), stdev(values) if len(values) > 1 else None, len(values))


def _cell(spread: Spread | None, folds: int, digits: int) -> str:
    if spread is None:
        return ""
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.{digits}f}"
    fewer = f" ({spread.folds} of {folds})" if spread.folds < folds else ""
    return f"{spread.mean:.{digits}f}{deviation}{fewer}"
