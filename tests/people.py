"""People for tests, from what pip packages ship: scikit-image's astronaut and the group photograph inside insightface."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2

from tests.media import Picture, scene

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


def _guest() -> Picture:
    folders = find_spec("insightface").submodule_search_locations
    photograph = Path(next(iter(folders))) / "data" / "images" / "t1.jpg"
    left, top, width, height = GUEST
    whole = cv2.cvtColor(cv2.imread(str(photograph)), cv2.COLOR_BGR2RGB)
    upright = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), GUEST_TILT, 1.0)
    return cv2.warpAffine(whole, upright, whole.shape[1::-1])[top : top + height, left : left + width]
