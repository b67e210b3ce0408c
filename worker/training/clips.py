"""Clips of people that are measured on as if a camera had seen them, and what the stream and replay gates see of them.

GRID (Cooke et al., 2006: 6 clips of 5 people), Celeb-DF (Li et al., CVPR 2020: 2 real and 2 swapped clips of 2 people;
a swapped face moves as its clip does, and for a stream it is bona fide) and the frames of NUAA (Tan et al., ECCV 2010),
which are a third to a half of a second apart and are shown as if they were neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.liveness.stream.attacks import Picture, Seconds
from worker.cascade.crops import grey_crop
from worker.engines.types import DetectedFace, FaceDetector

RATE = 12.0  # frames a second that the page takes
SECONDS = 4.0
WIDEST = 640  # pixels that the page sends
SCENE, FACE, PRINT = 96, 64, 128
SAME_PERSON = {"id2_vcd_swwp2s": "pwij3p"}  # of GRID's six clips, two show one man
FEWEST = 12


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of one person: ``name`` of the file, ``dataset``, ``window`` (its number), RGB pictures, their rate."""

    name: str
    dataset: str
    person: str
    window: int
    pictures: Sequence[Picture]
    rate: float

    @property
    def times(self) -> Seconds:
        """When the page would take frames of it."""
        return np.arange(round(len(self.pictures) / self.rate * RATE)) / RATE

    def at(self, moments: Seconds) -> NDArray[np.int64]:
        """Which pictures are seen at ``moments``."""
        return np.clip(np.rint(moments * self.rate).astype(np.int64), 0, len(self.pictures) - 1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the gates see: ``scenes`` (n, 96, 96), ``faces`` (n, 64, 64), ``prints`` (n, 128, 128), the faces' places."""

    scenes: NDArray[np.float32]
    faces: NDArray[np.float32]
    prints: NDArray[np.float32]
    found: tuple[DetectedFace, ...]


def clips(data: Path) -> Iterator[Clip]:
    for path in sorted((data / "talking_faces" / "grid").iterdir()):
        yield from _windows(path.stem, "grid", SAME_PERSON.get(path.stem, path.stem), *_video(path))
    for path in sorted((data / "deepfake" / "celebdf").glob("*/*.mp4")):
        yield from _windows(path.stem, f"celebdf_{path.parent.name}", path.stem.split("_")[0], *_video(path))
    for folder in sorted((data / "pad" / "nuaa" / "bona_fide").iterdir()):
        paths = sorted(folder.iterdir(), key=_place)
        for session, group in groupby(paths, key=lambda path: _place(path)[0]):
            pictures = [_narrow(np.asarray(cv2.imread(str(path)), np.uint8)) for path in group]
            yield from _windows(session, "nuaa", folder.name, pictures, RATE)


def look(pictures: Sequence[Picture], detector: FaceDetector) -> Seen | None:
    """None where the first picture shows no face; where a later one shows none the face is taken where it was."""
    found: list[DetectedFace] = []
    for picture in pictures:
        faces = detector.detect(picture)
        if not faces and not found:
            return None
        found.append(faces[0] if faces else found[-1])
    pairs = list(zip(pictures, found, strict=True))
    return Seen(
        scenes=np.stack([scene(picture) for picture in pictures]),
        faces=np.stack([grey_crop(picture, face, sides=1.0, size=FACE) for picture, face in pairs]),
        prints=np.stack([grey_crop(picture, face, sides=1.0, size=PRINT) for picture, face in pairs]),
        found=tuple(found),
    )


def scene(picture: Picture) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return cv2.resize(grey, (SCENE, SCENE), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)


def _windows(name: str, dataset: str, person: str, pictures: Sequence[Picture], rate: float) -> Iterator[Clip]:
    """Windows of SECONDS that do not overlap; a shorter clip is one window."""
    length = min(len(pictures), round(SECONDS * rate))
    if length / rate * RATE < FEWEST:
        return
    for number in range(len(pictures) // length):
        yield Clip(name, dataset, person, number, pictures[number * length : (number + 1) * length], rate)


def _video(path: Path) -> tuple[list[Picture], float]:
    video = cv2.VideoCapture(str(path))
    pictures = []
    while (read := video.read())[0]:
        pictures.append(_narrow(np.asarray(read[1], np.uint8)))
    return pictures, float(video.get(cv2.CAP_PROP_FPS))


def _narrow(picture: Picture) -> Picture:
    scale = min(1.0, WIDEST / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    return np.ascontiguousarray(small[..., ::-1], np.uint8)


def _place(path: Path) -> tuple[str, int]:
    session, number = path.stem.rsplit("_", 1)
    return session, int(number)
