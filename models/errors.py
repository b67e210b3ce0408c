"""What can be wrong with a model file."""

from __future__ import annotations

from pathlib import Path


class ModelMissing(Exception):
    """The weights of a model are not at hand."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__(f"{name}: {hint}")
        self.name = name


class WrongHash(Exception):
    """A file is not the one that the manifest names."""

    def __init__(self, path: Path, *, expected: str, found: str) -> None:
        super().__init__(f"{path}: sha256 is {found}, the manifest says {expected}")
        self.expected = expected
        self.found = found


class LicenceNotAccepted(Exception):
    """A download whose licence nobody accepted."""
