"""Whether the reader of an open message is still there, frame by frame.

Weaker than a capture, and meant to be: small single pictures twice a second, no challenge. It asks for exactly one
face, that it is the reader's, that single pictures do not look like paper or a screen, and that the picture moves at all.

What is remembered belongs to one unlock. Frames without a usable face leave it as it is: whoever could empty it would
begin anew with a picture that stands still.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from worker.cascade.crops import grey_crop
from worker.engines.types import DetectedFace, Engines, Image, Vector

LEAST_LLR = 0.0  # natural log; the capture has already said who it is, so a frame only has to speak for it
MEMORY = 5  # frames that are judged together
CROP = 32  # pixels
LEAST_CHANGE = 0.3  # grey levels of 255 between two crops; people change by 2.9 and more (docs/benchmarks.md)


class Presence(StrEnum):
    PRESENT = "present"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    OTHER_FACE = "other_face"
    NOT_LIVE = "not_live"


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of the frames of one unlock that showed its reader, the newest last.

    Arguments:
        crop: (CROP, CROP) grey levels of the last face, None before the first.
        changes: mean absolute change of each crop against the one before.
        pictures: what the picture gate said of each, log-likelihood ratio less its threshold.
    """

    crop: NDArray[np.uint8] | None = None
    changes: tuple[float, ...] = ()
    pictures: tuple[float, ...] = ()

    @property
    def shows_life(self) -> bool:
        """Whether there is enough to judge, and it speaks for somebody who is there. Only then an unlock is renewed: what
        was begun anew shows no life yet."""
        return len(self.changes) == MEMORY and not self.frozen and not self.flat and len(self.pictures) in (0, MEMORY)

    @property
    def frozen(self) -> bool:
        """Whether the face has not moved through all that is remembered."""
        return len(self.changes) == MEMORY and max(self.changes) < LEAST_CHANGE

    @property
    def flat(self) -> bool:
        """Whether the pictures look like paper or a screen."""
        return len(self.pictures) == MEMORY and float(np.median(self.pictures)) < 0

    def to_bytes(self) -> bytes:
        crop = b"" if self.crop is None else self.crop.tobytes()
        return json.dumps([crop.hex(), self.changes, self.pictures]).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Remembered:
        """What ``to_bytes`` made; of nothing, nothing."""
        if not content:
            return cls()
        crop, changes, pictures = json.loads(content)
        face = np.frombuffer(bytes.fromhex(crop), np.uint8).reshape(CROP, CROP) if crop else None
        return cls(face, tuple(changes), tuple(pictures))


def watch(
    image: Image, references: Sequence[Vector], before: Remembered, engines: Engines
) -> tuple[Presence, Remembered]:
    """What one frame shows, and what to remember of it.

    Arguments:
        references: of the reader, (width,) each; none means that nobody can be the reader.
        before: what was remembered of this unlock.
    """
    faces = engines.detector.detect(image)
    if len(faces) != 1:
        return (Presence.SEVERAL_FACES if faces else Presence.NO_FACE), before
    if not _is_one_of(image, faces[0], references, engines):
        return Presence.OTHER_FACE, before
    seen = _remember(image, faces[0], before, engines)
    return (Presence.NOT_LIVE if seen.frozen or seen.flat else Presence.PRESENT), seen


def _is_one_of(image: Image, face: DetectedFace, references: Sequence[Vector], engines: Engines) -> bool:
    vector = engines.face.embed(image, face)
    calibration = engines.face.card.calibration
    return any(calibration.llr(float(vector @ reference)) >= LEAST_LLR for reference in references)


def _remember(image: Image, face: DetectedFace, before: Remembered, engines: Engines) -> Remembered:
    crop = grey_crop(image, face, sides=1.0, size=CROP).astype(np.uint8)
    changes, pictures = before.changes, before.pictures
    if before.crop is not None:
        changes = (*changes, float(np.abs(crop.astype(float) - before.crop).mean()))[-MEMORY:]
    if engines.gates.picture is not None:
        pictures = (*pictures, _picture(image, face, engines))[-MEMORY:]
    return Remembered(crop, changes, pictures)


def _picture(image: Image, face: DetectedFace, engines: Engines) -> float:
    """Minus infinity for a face that the gate cannot measure, which is no pass."""
    if engines.gates.picture is None:
        return -np.inf
    try:
        reading = engines.gates.picture.judge([(image, face)])
    except ValueError:
        return -np.inf
    return reading.llr - reading.threshold
