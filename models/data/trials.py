"""Verification trials of a population: every probe against every reference.

A person's reference is the unit mean of up to ``enrolled`` clean samples, as the gallery keeps it. Probes come from
other recordings, clean or degraded. A probe joins one face sample with one voice sample of the person, in the same
degree of degradation where both have it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.features import CLEAN, CONTEXT, VOICE_CONTEXT, Array, Features, ModalityFeatures, Names
from models.data.people import Person, Rows, sources


@dataclass(frozen=True, slots=True)
class Side:
    """n captures or references.

    Arguments:
        face: (n, face width), voice: (n, voice width): unit norm, zeros where absent.
        context: (n, 218), NaN where not measured.
        quality: (n, 2) of face and voice in [0, 1], 0 where absent.
        present: (n, 2) of face and voice.
    """

    face: Array
    voice: Array
    context: Array
    quality: Array
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.face)

    def only(self, *, face: bool, voice: bool) -> Side:
        """The same captures with a modality left out."""
        keep = np.array([face, voice])
        context = self.context.copy()
        if not voice:
            context[:, :VOICE_CONTEXT] = np.nan
        if not face:
            context[:, VOICE_CONTEXT:] = np.nan
        return Side(
            self.face * np.float32(face),
            self.voice * np.float32(voice),
            context,
            self.quality * keep.astype(np.float32),
            self.present & keep,
        )

    def take(self, rows: NDArray) -> Side:
        return Side(self.face[rows], self.voice[rows], self.context[rows], self.quality[rows], self.present[rows])


@dataclass(frozen=True, slots=True)
class Trials:
    """All comparisons of ``probes`` with ``references``.

    Arguments:
        owner: (probes,) index of the reference that is of the same person.
        people: (references,) names: of their voice where there is one, since a voice comes back with another face in
            another drawing of chimeras, and a bootstrap over identities has to know it again.
        condition: (probes,) "clean", or the degradations of face and voice joined by "+".
        group: (probes,) the data set of the voice, or of the face where there is no voice.
    """

    references: Side
    probes: Side
    owner: NDArray[np.int64]
    people: Names
    condition: Names
    group: Names

    @property
    def genuine(self) -> NDArray[np.bool_]:
        """(probes, references): True where both are of one person."""
        return self.owner[:, None] == np.arange(len(self.references))[None, :]


def trials_of(
    features: Features,
    people: Sequence[Person],
    *,
    seed: int,
    enrolled: int = 3,
    probes: int = 8,
    clean_share: float = 0.5,
) -> Trials:
    """References and probes of ``people``.

    Arguments:
        enrolled: samples behind a reference at most; at least one recording is left for probes.
        probes: captures a person. The first ``clean_share`` of them are clean, the others degraded in both modalities.

    Raises:
        ValueError: fewer than two people, so that there is no impostor.
    """
    if len(people) < 2:
        raise ValueError(f"{len(people)} people give no trials; two are needed at least")
    draw = random.Random(f"trials/{seed}")  # noqa: S311
    references, captures, owner = [], [], []
    for index, person in enumerate(people):
        face = _enrolment(features.face, person.face, enrolled, draw)
        voice = _enrolment(features.voice, person.voice, enrolled, draw)
        references.append((face.enrolled, voice.enrolled))
        for number in range(probes):
            clean = number < clean_share * probes
            captures.append((face.draw(clean, draw), voice.draw(clean, draw)))
            owner.append(index)
    return Trials(
        references=side_of(features, references),
        probes=side_of(features, captures),
        owner=np.array(owner, np.int64),
        people=np.array([person.voice_identity or person.name for person in people], np.str_),
        condition=np.array([_condition(features, *capture) for capture in captures], np.str_),
        group=np.array([_group(features, *capture) for capture in captures], np.str_),
    )


def side_of(features: Features, captures: Sequence[tuple[Rows, Rows]]) -> Side:
    """Captures from rows of faces and of voices; several rows of one modality become their unit mean."""
    face = np.zeros((len(captures), features.face.width), np.float32)
    voice = np.zeros((len(captures), features.voice.width), np.float32)
    context = np.full((len(captures), CONTEXT), np.nan, np.float32)
    quality = np.zeros((len(captures), 2), np.float32)
    for index, (faces, voices) in enumerate(captures):
        if len(faces):
            face[index] = _unit_mean(features.face.embeddings[faces])
            context[index, VOICE_CONTEXT:] = features.face.context[faces].mean(0)
            quality[index, 0] = features.face.quality[faces].mean()
        if len(voices):
            voice[index] = _unit_mean(features.voice.embeddings[voices])
            context[index, :VOICE_CONTEXT] = features.voice.context[voices].mean(0)
            quality[index, 1] = features.voice.quality[voices].mean()
    present = np.array([[len(faces) > 0, len(voices) > 0] for faces, voices in captures])
    return Side(face, voice, context, quality, present)


@dataclass(frozen=True, slots=True)
class _Enrolment:
    """Rows behind the reference, and the rows left for probes, clean and degraded."""

    enrolled: Rows
    clean: Rows
    degraded: Rows

    def draw(self, clean: bool, random_: random.Random) -> Rows:
        rows = self.clean if clean or not len(self.degraded) else self.degraded
        return np.array([random_.choice(rows)], np.int64) if len(rows) else rows


def _enrolment(side: ModalityFeatures, rows: Rows, enrolled: int, draw: random.Random) -> _Enrolment:
    """Where the data know sessions, somebody enrols in one of them and comes back in the others."""
    clean = rows[side.condition[rows] == CLEAN]
    sessions = sorted(set(side.session[clean]))
    here = clean[side.session[clean] == draw.choice(sessions)] if len(sessions) > 1 else clean
    recordings = sources(side, here)
    draw.shuffle(recordings)
    most = len(recordings) if len(sessions) > 1 else max(1, len(recordings) - 1)
    chosen = set(recordings[: min(enrolled, most)])
    of_reference = np.array([f"{side.dataset[row]}/{side.source[row]}" in chosen for row in rows], bool)
    is_clean = side.condition[rows] == CLEAN
    of_probes = ~of_reference
    if len(sessions) > 1:
        of_probes &= side.session[rows] != side.session[here[0]]
    return _Enrolment(rows[of_reference & is_clean], rows[of_probes & is_clean], rows[of_probes & ~is_clean])


def _condition(features: Features, faces: Rows, voices: Rows) -> str:
    states = [
        str(side.condition[rows[0]]) for side, rows in ((features.face, faces), (features.voice, voices)) if len(rows)
    ]
    return CLEAN if all(state == CLEAN for state in states) else "+".join(states)


def _group(features: Features, faces: Rows, voices: Rows) -> str:
    return str(features.voice.dataset[voices[0]] if len(voices) else features.face.dataset[faces[0]])


def _unit_mean(vectors: Array) -> Array:
    mean = vectors.mean(0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)
