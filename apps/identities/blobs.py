"""Sealed files: captures and samples. A name is all that the database keeps of one."""

from __future__ import annotations

import uuid

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from apps.identities.vault import seal, unseal


def store(content: bytes, *, purpose: str) -> str:
    """Seal ``content`` and write it; returns its name. ``purpose`` is also the folder: ``captures``, ``samples``."""
    name = f"{purpose}/{uuid.uuid4().hex}"
    return storages["sealed"].save(name, ContentFile(seal(content, purpose=purpose, bound_to=name)))


def load(name: str) -> bytes:
    """Read and open.

    Raises:
        FileNotFoundError: it was erased.
        apps.identities.vault.Unsealable: it was changed or moved.
    """
    with storages["sealed"].open(name) as file:
        return unseal(file.read(), purpose=name.split("/")[0], bound_to=name)


def erase(name: str) -> None:
    """Delete; silent when it is gone already."""
    if name:
        storages["sealed"].delete(name)


def erase_all(names: list[str]) -> None:
    for name in names:
        erase(name)
