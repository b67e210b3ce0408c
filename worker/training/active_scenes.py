"""Who and what the active challenges are measured on: stills to be made to move, talking people, a simulated camera."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.liveness.challenges.turn import head_yaw
from models.liveness.cues.blink import eye_aspect_ratio
from worker.engines.detection import MediaPipeDetector
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.types import Image, Mesh

SECONDS, GRID_RATE = 5.0, 12.5
EXPOSURE_TAKES, BALANCE_TAKES, BALANCED = 0.5, 2.0, 0.5  # seconds; share of a cast that the camera takes out
JPEG_QUALITY = 85
FRONTAL, OPEN = 10.0, 0.2  # stills that serve: degrees of yaw at most, eye aspect ratio at least

# The moving person lives with the tests: nothing that runs for users needs it, and an installation may lack it.
moving, media = importlib.import_module("tests.moving"), importlib.import_module("tests.media")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    portrait: Image
    mesh: Mesh


class Eyes:
    """Detector and mesh as the worker runs them."""

    def __init__(self) -> None:
        self._detector, self._mesh = MediaPipeDetector(), MediaPipeMesh()

    def mesh(self, frame: Image) -> Mesh | None:
        faces = self._detector.detect(frame)
        return self._mesh.mesh(frame, faces[0]) if faces else None

    def meshes(self, frames: Sequence[Image]) -> list[Mesh | None]:
        return [self.mesh(frame) for frame in frames]


def people(data: Path, eyes: Eyes, most: int) -> Iterator[Person]:
    """Stills of real people who look to the camera: NUAA's (a webcam's) before LFW's."""
    nuaa = [sorted(folder.iterdir())[0] for folder in sorted((data / "pad/nuaa/bona_fide").iterdir())]
    lfw = [sorted(folder.iterdir())[0] for folder in sorted((data / "faces/lfw").iterdir())[::13]]
    for path in [*nuaa, *lfw]:
        portrait = media.scene(rgb(cv2.imread(str(path))))
        mesh = eyes.mesh(portrait)
        if mesh is not None and abs(head_yaw(mesh)) < FRONTAL and eye_aspect_ratio(mesh) > OPEN:
            yield Person(path.stem, portrait, mesh)
            most -= 1
        if not most:
            return


def talking(data: Path) -> Iterator[list[Image]]:
    """GRID's clips, 3 s each, forth and back until they fill SECONDS; every second frame of 25 a second."""
    for path in sorted((data / "talking_faces/grid").glob("*.mpg")):
        video, frames = cv2.VideoCapture(str(path)), []
        while (read := video.read())[0]:
            frames.append(rgb(read[1]))
        yield [*frames, *frames[-2::-1]][: round(SECONDS * 25) + 1][::2]


def rgb(picture: NDArray[np.integer | np.floating] | None) -> Image:
    """Raises ValueError for a file that holds no picture."""
    if picture is None:
        raise ValueError("this is no picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def camera(frames: Sequence[Image], rate: float) -> list[Image]:
    """Exposure and white balance that follow the picture, then JPEG."""
    gains, written = np.ones(3), []
    wanted = moving.LINEAR[frames[0][::4, ::4]].mean((0, 1))
    for frame in frames:
        linear = moving.LINEAR[np.arange(256)][:, None] * gains
        table = moving.GAMMA[np.clip(linear * 4095, 0, 4095).astype(np.int32)]
        picture = np.stack([table[frame[..., c], c] for c in range(3)], axis=2).astype(np.uint8)
        now = moving.LINEAR[picture[::4, ::4]].mean((0, 1))
        exposure = (wanted.mean() / now.mean()) ** (1 / (EXPOSURE_TAKES * rate))
        cast = (now / now.mean()) / (wanted / wanted.mean())
        gains = gains * exposure * cast ** (-BALANCED / (BALANCE_TAKES * rate))
        _, code = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        written.append(rgb(cv2.imdecode(code, cv2.IMREAD_COLOR)))
    return written
