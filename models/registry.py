"""The one list of models: what each file is, where it comes from, which hash it has, what its licence says.

``manifest.toml`` beside this file holds the list. A file is looked for, in this order, among what comes with COSMIC,
inside the pip package that carries it, in the operator's own folder of models (by sha256, whatever it is called
there), and among what ``manage.py fetch_models`` has downloaded. A file with another hash is never used. Standard
library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from models.errors import ModelMissing, WrongHash

HERE = Path(__file__).resolve().parent
MANIFEST = HERE / "manifest.toml"
CALIBRATIONS = HERE / "weights" / "calibration"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One file of weights.

    Arguments:
        name: how code and settings call it.
        role: what it does, for people.
        file: its usual file name.
        sha256, size: of the file, in hexadecimal and in bytes.
        licence, licence_url: as its authors state it.
        commercial: True, False, or None where nobody has said.
        input: how pictures or sound have to be given to it.
        source: pinned address, empty where it is not published under one.
        package, path: the pip package that carries it, and the path inside.
        shipped: where it lies below ``models/``, for what was trained here and comes with COSMIC.
        width: of the embedding, 0 for other models.
        note: what else has to be known.
    """

    name: str
    role: str
    file: str
    sha256: str
    size: int
    licence: str
    input: str
    licence_url: str = ""
    commercial: bool | None = None
    source: str = ""
    package: str = ""
    path: str = ""
    shipped: str = ""
    width: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Pack:
    """A set of models that recognise together.

    Arguments:
        detector, face, voice: names of models.
        fusion: the method by which face and voice are fused, unless the operator asks for another.
    """

    name: str
    description: str
    models: tuple[str, ...]
    detector: str = ""
    face: str = ""
    voice: str = ""
    fusion: str = "llr_sum"

    @property
    def recognises(self) -> bool:
        """Whether it can be the active pack; others only add weights to fetch."""
        return bool(self.detector and self.face and self.voice)


@dataclass(frozen=True, slots=True)
class Places:
    """Where files may lie: the operator's own folder (or None), and what COSMIC keeps itself."""

    models_dir: Path | None
    state_dir: Path

    @property
    def downloads(self) -> Path:
        return self.state_dir / "models"

    @property
    def calibrations(self) -> Path:
        return self.state_dir / "calibration"


@cache
def models() -> dict[str, ModelEntry]:
    return {name: ModelEntry(name=name, **values) for name, values in _manifest()["models"].items()}


@cache
def packs() -> dict[str, Pack]:
    return {
        name: Pack(name=name, **{**values, "models": tuple(values["models"])})
        for name, values in _manifest()["packs"].items()
    }


def pack(name: str) -> Pack:
    """The pack called ``name``.

    Raises:
        ModelMissing: there is none.
    """
    try:
        return packs()[name]
    except KeyError:
        raise ModelMissing(name, f"there is no such pack; there are {', '.join(sorted(packs()))}") from None


def locate(name: str, places: Places) -> Path:
    """The file of model ``name``, its hash checked.

    Raises:
        ModelMissing: it is nowhere; the message says how to get it.
        WrongHash: the package, the operator's folder or the downloads hold only another file under its name.
    """
    entry = models()[name]
    if entry.shipped and (HERE / entry.shipped).is_file():
        verify(HERE / entry.shipped, entry)
        return HERE / entry.shipped
    if entry.package:
        path = inside_package(entry)
        if path is not None:
            verify(path, entry)
            return path
    if places.models_dir is not None:
        path = find_by_hash(places.models_dir, entry)
        if path is not None:
            return path
        for namesake in places.models_dir.rglob(entry.file):
            verify(namesake, entry)
    downloaded = places.downloads / entry.file
    if downloaded.is_file():
        verify(downloaded, entry)
        return downloaded
    raise ModelMissing(name, f"not at hand; run: manage.py fetch_models {_pack_with(name)}")


def inside_package(entry: ModelEntry) -> Path | None:
    """The file inside its pip package, found without importing the package."""
    spec = importlib.util.find_spec(entry.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / entry.path
    return path if path.is_file() else None


def find_by_hash(folder: Path, entry: ModelEntry) -> Path | None:
    """The file in ``folder`` (searched whole) with the entry's hash; the size is looked at first, it is cheap."""
    if not folder.is_dir():
        return None
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size == entry.size and sha256_of(path) == entry.sha256:
            return path
    return None


def verify(path: Path, entry: ModelEntry) -> None:
    """Raises WrongHash when ``path`` is not the file that the manifest names."""
    found = sha256_of(path)
    if found != entry.sha256:
        raise WrongHash(path, expected=entry.sha256, found=found)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file; remembered as long as size and time of change stay the same."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


def calibration_values(name: str, places: Places) -> dict[str, Any]:
    """What ``manage.py calibrate`` has stored for model ``name``: the operator's own before the one that ships.

    Raises:
        ModelMissing: the model was never calibrated, so that its scores mean nothing yet.
    """
    for folder in (places.calibrations, CALIBRATIONS):
        path = folder / f"{name}.json"
        if path.is_file():
            values = json.loads(path.read_text())
            if values["sha256"] == models()[name].sha256:
                return values
    raise ModelMissing(name, f"not calibrated; run: manage.py calibrate --pack {_pack_with(name)}")


@cache
def _sha256(path: Path, size: int, changed: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@cache
def _manifest() -> dict:
    return tomllib.loads(MANIFEST.read_text())


def _pack_with(name: str) -> str:
    return next((pack.name for pack in packs().values() if name in pack.models), "")
