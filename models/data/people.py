"""People to train on and to test with: their own face and voice, or chimeric ones.

A chimeric person joins a face identity of one data set with a voice identity of another (Poh and Bengio, 2005). It is
right for studying verification, where face and voice err independently given the person; it holds no association of
face and voice, so that cross-modal retrieval on chimeric people is chance by construction.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.features import CLEAN, Features, ModalityFeatures
from models.data.folds import Split

Rows = NDArray[np.int64]
NONE: Rows = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Person:
    """``face`` and ``voice`` are rows of the features; empty where the person has none of that modality."""

    name: str
    face: Rows
    voice: Rows
    face_identity: str = ""
    voice_identity: str = ""

    @property
    def complete(self) -> bool:
        return bool(len(self.face) and len(self.voice))


def has_true_pairs(features: Features) -> bool:
    """Whether any person's face and voice are both their own."""
    return bool(set(features.face.identity) & set(features.voice.identity))


def people_of(features: Features, split: Split, *, seed: int, least: int = 2) -> list[Person]:
    """The people of a part: true pairs where the data have them, else chimeric ones drawn by ``seed``.

    Every identity appears in one person only. What finds no partner stays a person of one modality.

    Arguments:
        least: identities with fewer sources (not counting their degraded copies) are left out: nothing of theirs
            could be compared.
    """
    faces = _usable(features.face, split.faces, least)
    voices = _usable(features.voice, split.voices, least)
    own = sorted(faces.keys() & voices.keys())
    people = [Person(name, faces[name], voices[name], name, name) for name in own]
    face_names, voice_names = sorted(faces.keys() - set(own)), sorted(voices.keys() - set(own))
    draw = random.Random(f"chimeric/{seed}")  # noqa: S311  (a draw for an experiment, not a secret)
    draw.shuffle(face_names)
    draw.shuffle(voice_names)
    for index in range(max(len(face_names), len(voice_names))):
        face = face_names[index] if index < len(face_names) else ""
        voice = voice_names[index] if index < len(voice_names) else ""
        people.append(
            Person(
                "+".join(name for name in (face, voice) if name),
                faces.get(face, NONE),
                voices.get(voice, NONE),
                face,
                voice,
            )
        )
    return people


def sources(side: ModalityFeatures, rows: Rows) -> list[str]:
    """The distinct recordings behind rows, clean or degraded, in a fixed order."""
    return sorted({f"{side.dataset[row]}/{side.source[row]}" for row in rows})


def _usable(side: ModalityFeatures, names: frozenset[str], least: int) -> dict[str, Rows]:
    """Rows by identity, of identities with at least ``least`` sources that were extracted clean."""
    order = np.argsort(side.identity, kind="stable")
    found, starts = np.unique(side.identity[order], return_index=True)
    groups = np.split(order, starts[1:])
    usable = {}
    for name, rows in zip(found, groups, strict=True):
        clean = rows[side.condition[rows] == CLEAN]
        if name in names and len(sources(side, clean)) >= least:
            usable[str(name)] = np.sort(rows).astype(np.int64)
    return usable
