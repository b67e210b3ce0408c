"""The CSV files that ``manage.py evaluate`` takes: presentations of a detector, and groups of people."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Presentations:
    """Scores of a presentation attack detector, one a presentation.

    Arguments:
        instrument: "bona_fide", or the name of the attack instrument.
        subject: who was presented; None where nobody said.
        score: higher is more bona fide.
        group: of the presentation, "" where there is none.
    """

    instrument: tuple[str, ...]
    subject: tuple[str, ...] | None
    score: tuple[float, ...]
    group: tuple[str, ...]


def read_presentations(path: Path) -> Presentations:
    """A CSV file with the columns attack_instrument, score and, where they are known, subject and group.

    Raises:
        ValueError: there is no such file, a column is missing, a line is incomplete, or a score is no number.
    """
    instruments, subjects, scores, groups = [], [], [], []
    for line, row in _rows(path, ("attack_instrument", "score")):
        try:
            score = float(row["score"])
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {row['score']!r} is no number") from error
        if not math.isfinite(score):
            raise ValueError(f"{path}, line {line}: {row['score']!r} is no finite number")
        instruments.append(row["attack_instrument"])
        subjects.append(row.get("subject") or "")
        scores.append(score)
        groups.append(row.get("group") or "")
    if any(subjects) and not all(subjects):
        raise ValueError(f"{path} names the subject of some presentations only")
    known = tuple(subjects) if any(subjects) else None
    return Presentations(tuple(instruments), known, tuple(scores), tuple(groups))


def read_labels(path: Path) -> dict[str, str]:
    """Group by identity, from a CSV file with the columns identity and group.

    Raises:
        ValueError: there is no such file, a column is missing, a line is incomplete, or somebody is in two groups.
    """
    groups: dict[str, str] = {}
    for line, row in _rows(path, ("identity", "group")):
        if groups.setdefault(row["identity"], row["group"]) != row["group"]:
            raise ValueError(f"{path}, line {line}: {row['identity']} is in two groups")
    return groups


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise ValueError(f"there is no {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file)
            missing = [name for name in needed if name not in (lines.fieldnames or ())]
            if missing:
                raise ValueError(f"{path} lacks the column {', '.join(missing)}")
            for row in lines:
                if not all(row[name] for name in needed):
                    raise ValueError(f"{path}, line {lines.line_num}: {' and '.join(needed)} are both needed")
                yield lines.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no CSV file: {error}") from error
