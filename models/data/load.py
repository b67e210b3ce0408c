"""Features from wherever they lie: a feature file, an archive of arrays, or the two CSV files of the FAME challenge."""

from __future__ import annotations

from pathlib import Path

from models.data.features import Features, read
from models.data.mavceleb import read_preextracted
from models.data.preextracted import read_npz

FEATURE_FILES = (".sqlite", ".sqlite3", ".db")


def load(path: Path) -> Features:
    """The features at ``path``: a ``.sqlite`` of ``extract_features``, an ``.npz``, or a folder with one CSV of faces and
    one of voices (of a language; where there are training and test files, those of training).

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is none of these, or not what it should be.
    """
    if path.is_dir():
        return read_preextracted(_csv(path, "face"), _csv(path, "voice"))
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}")
    if path.suffix.lower() in FEATURE_FILES:
        return read(path)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    raise ValueError(
        f"{path} is no feature file (.sqlite), no .npz and no folder with a CSV of faces and one of voices"
    )


def _csv(folder: Path, kind: str) -> Path:
    found = sorted(path for path in folder.glob("*.csv") if kind in path.name.lower())
    training = [path for path in found if "train" in path.name.lower()]
    chosen = training or found
    if len(chosen) != 1:
        names = ", ".join(path.name for path in chosen) or "none"
        raise ValueError(f"{folder} has to hold one CSV file of {kind}s by name; there is {names}")
    return chosen[0]
