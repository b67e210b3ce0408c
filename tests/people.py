"""People for tests, from what pip packages ship: scikit-image's astronaut and the group photograph inside insightface."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from models.liveness.cues.blink import EYES
from tests.media import Eye, Picture, scene

VOICES = {"astronaut": ("en-us+f3", 80), "guest": ("en-us", 50)}  # espeak-ng's: name, pitch
# Where a face with open eyes lies in insightface's group photograph (t1.jpg): left, top, width, height in pixels.
GUEST = (360, 200, 310, 232)
GUEST_TILT = 14.7  # degrees


@cache
def portrait(name: str) -> Picture:
    """A still of one person, ``astronaut`` or ``guest``, RGB (480, 640, 3), as a camera would show it."""
    if name == "astronaut":
        from skimage import data

        return scene(data.astronaut()[:300, 80:380])
    return scene(_guest())


@cache
def eyes_of(name: str) -> tuple[Eye, Eye]:
    """Where the eyes lie in the portrait, by MediaPipe's mesh."""
    from worker.engines.detection import MediaPipeDetector
    from worker.engines.landmarks import MediaPipeMesh

    picture = portrait(name)
    mesh = MediaPipeMesh().mesh(picture, MediaPipeDetector().detect(picture)[0])
    assert mesh is not None, name
    first, second = (mesh[points, :2] for points in EYES)
    return _eye(first), _eye(second)


def _eye(points: np.ndarray) -> Eye:
    x, y = points.mean(0)
    across = float(np.linalg.norm(points[0] - points[3]))
    down = float(np.linalg.norm(points[1] - points[5]))
    return Eye(float(x), float(y), across / 2, down / 2)


def _guest() -> Picture:
    folders = find_spec("insightface").submodule_search_locations
    photograph = Path(next(iter(folders))) / "data" / "images" / "t1.jpg"
    left, top, width, height = GUEST
    whole = cv2.cvtColor(cv2.imread(str(photograph)), cv2.COLOR_BGR2RGB)
    upright = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), GUEST_TILT, 1.0)
    return cv2.warpAffine(whole, upright, whole.shape[1::-1])[top : top + height, left : left + width]
