"""Faces cut from their pictures, ready to be forged, degraded and shown to the network.

People are divided once, by the hash of their name: nobody is in two parts, whichever data are at hand.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.deepfake.crops import Grey, Image, Points, Square, brightness, cut, face_crop, scaled, widened

SIZE = 112  # pixels of what the network sees
SIDES = 1.3  # of what the network sees, in squares around the face
CANVAS_SIDES = 2.05  # enough for every cue, and for a crop beside its place
CANVAS = 288  # most pixels of a canvas
JITTER = 0.06  # most that a crop lies beside its place, in squares
GROWTH = 0.10


class Part(StrEnum):
    """``NETWORK``: trains the network. ``GATE``: weighs the cues and sets the threshold. ``TEST``: only measures."""

    NETWORK = "network"
    GATE = "gate"
    TEST = "test"


SHARES = {Part.NETWORK: 0.6, Part.GATE: 0.2, Part.TEST: 0.2}


@dataclass(frozen=True, slots=True)
class Face:
    """One face with its surroundings.

    Arguments:
        picture: (side, side), brightness, ``CANVAS_SIDES`` squares wide.
        points: (n, 2) landmarks of the face, in pixels of ``picture``.
        square: around the face, in pixels of ``picture``.
        subject, dataset: who it is, and where the picture comes from.
    """

    picture: Grey
    points: Points
    square: Square
    subject: str
    dataset: str


def face_in(image: Image, points: Points, square: Square, *, subject: str, dataset: str) -> Face:
    """The face of a whole picture, no larger than ``CANVAS`` pixels.

    Raises:
        ValueError: as ``models.deepfake.crops.cut``.
    """
    around = widened(square, CANVAS_SIDES)
    picture = brightness(cut(image, around))
    scale = min(1.0, CANVAS / len(picture))
    if scale < 1.0:
        picture = scaled(picture, CANVAS)
    corner = np.array([round(around[0]), round(around[1])], np.float32)
    moved = ((points[:, :2] - corner) * scale).astype(np.float32)
    left, top = (np.array(square[:2]) - corner) * scale
    return Face(picture, moved, (float(left), float(top), square[2] * scale, square[3] * scale), subject, dataset)


def nearer(face: Face, sides: float) -> Face:
    """The same face with less around it: ``sides`` squares."""
    around = widened(face.square, sides)
    corner = np.array([round(around[0]), round(around[1])], np.float32)
    left, top = np.array(face.square[:2]) - corner
    square = (float(left), float(top), face.square[2], face.square[3])
    return replace(face, picture=cut(face.picture, around), points=face.points - corner, square=square)


def part_of(subject: str) -> Part:
    """The part that a person belongs to."""
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:6], "big") / 2**48
    for part, share in SHARES.items():
        if number < share:
            return part
        number -= share
    return Part.TEST


def jittered(square: Square, draw: np.random.Generator) -> Square:
    """A square as another detector might have placed it."""
    left, top, across, down = square
    x, y = draw.uniform(-JITTER, JITTER, 2) * across
    return widened((left + x, top + y, across, down), float(draw.uniform(1 - GROWTH, 1 + GROWTH)))


def network_input(image: Image, square: Square) -> Grey:
    """(SIZE, SIZE) brightness of a face as the network sees it.

    Raises:
        ValueError: as ``models.deepfake.crops.cut``.
    """
    return brightness(face_crop(image, square, sides=SIDES, size=SIZE))
