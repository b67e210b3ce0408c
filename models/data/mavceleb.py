"""Features and trials of the FAME challenge on MAV-Celeb (Saeed et al., "Face-voice association in multilingual
environments", evaluation plan, 2024): VGGFace embeddings (4096-D) and utterance-level voice embeddings (512-D).

A CSV file has a row a sample and no header. Row i of the faces belongs with row i of the voices: in training files they
show one person, in test files they are trial i of a text file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.features import Features
from models.data.preextracted import features_of, sha256_of

MAVCELEB = "mavceleb"
VERDICTS = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class Trial:
    """Whether one voice and one face are of one person.

    Arguments:
        key: by which the challenge knows it.
        voice, face: paths of the two samples, as the file gives them.
        genuine: None where the challenge keeps it to itself.
    """

    key: str
    voice: str
    face: str
    genuine: bool | None


def read_preextracted(
    faces_csv: Path, voices_csv: Path, *, dataset: str = MAVCELEB, labels: Sequence[str] | Sequence[int] | None = None
) -> Features:
    """Features of a pair of CSV files of any widths; embeddings are brought to unit norm.

    Arguments:
        labels: the person of each row, for files that hold features alone. Without them the last column is the label.

    Raises:
        FileNotFoundError: a file is not there.
        ValueError: a row is not made of numbers or has another length, the rows of the two files do not belong
            together, or a row has no direction.
    """
    tables = []
    for path in (faces_csv, voices_csv):
        rows, people = _read(path, labelled=labels is None)
        tables.append((rows, people if labels is None else [str(label) for label in labels], sha256_of(path)))
    (faces, of_faces, _), (voices, of_voices, _) = tables
    if len(faces) != len(voices) or len(faces) != len(of_faces):
        raise ValueError(f"{len(faces)} faces, {len(voices)} voices and {len(of_faces)} labels do not belong together")
    different = [row for row, (face, voice) in enumerate(zip(of_faces, of_voices, strict=True)) if face != voice]
    if different:
        raise ValueError(f"{faces_csv} and {voices_csv} show different people in row {different[0]}")
    return features_of(dataset, *tables)


def read_trials(path: Path) -> list[Trial]:
    """The trials of a text file: lines of ``key voice face``, or of ``key 0|1 voice face`` where the truth is told.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a line is another one, or there is none.
    """
    trials = [_trial(line, f"{path}:{number}") for number, line in enumerate(_lines(path), start=1) if line]
    if not trials:
        raise ValueError(f"{path} holds no trials")
    return trials


def _trial(line: str, where: str) -> Trial:
    match line.split():
        case [key, voice, face]:
            return Trial(key, voice, face, None)
        case [key, ("0" | "1") as verdict, voice, face]:
            return Trial(key, voice, face, VERDICTS[verdict])
    raise ValueError(f"{where}: wanted 'key voice face' or 'key 0|1 voice face', found {line!r}")


def _read(path: Path, *, labelled: bool) -> tuple[NDArray[np.float32], list[str]]:
    labels: list[str] = []

    def features() -> Iterator[str]:
        for line in _lines(path):
            if not labelled:
                yield line
            elif line:
                values, _, label = line.rpartition(",")
                labels.append(_plain(label))
                yield values

    try:
        rows = np.loadtxt(features(), np.float32, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not rows.size:
        raise ValueError(f"{path} holds no features")
    return rows, labels


def _plain(label: str) -> str:
    """Some files give the number of a person as 12, others as 12.0."""
    label = label.strip().strip('"')
    return label.removesuffix(".0")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.strip()
