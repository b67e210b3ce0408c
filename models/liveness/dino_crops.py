"""Multi-crop views of a picture, and how pictures are read.

Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments" (NeurIPS 2020) for the crops;
Grill et al., "Bootstrap your own latent" (NeurIPS 2020) for the distortions, which DINO (ICCV 2021) takes over. Everything
draws from the generator that is handed in, so the same seed gives the same crops whatever the number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 3), RGB
View = NDArray[np.float32]  # (3, side, side), normalised

# ImageNet's channel means and deviations, by which published ViT and DINO weights expect pixels in [0, 1].
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
# Side of a face crop in face squares: hair, chin and a little of what is behind, where the edge of a print would be.
SIDES = 1.6
KINDS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
LARGEST_HUE = 180.0  # OpenCV's hue in degrees / 2
CROP_TRIES = 10
BLUR = (0.1, 2.0)  # deviation in pixels of large crops of PUBLISHED_SIDE; smaller pictures are blurred less
PUBLISHED_SIDE = 224


@dataclass(frozen=True, slots=True)
class CropConfig:
    """Sizes and distortions; the defaults are DINO's for ViT-S.

    Arguments:
        large, small: sides of the crops in pixels. smalls: how many small ones there are beside two large ones.
        border: share of the area from which on a crop is large; small ones reach from ``smallest`` up to it.
        jitter: strength of the colour jitter: brightness and contrast 0.4, saturation 0.2, hue 0.1 of it; 0 is none.
        jitter_chance, grey: chances, for each crop.
        blur_first, blur_second, blur_small: chances of blur, of the first and second large crop and of small ones.
        solarise: chance that the second large crop's bright half is inverted.

    Jitter and blur hide what gives a print or a screen away as well: weaker ones are worth a try for this gate.
    """

    large: int = 224
    small: int = 96
    smalls: int = 8
    border: float = 0.25
    smallest: float = 0.05
    jitter: float = 1.0
    jitter_chance: float = 0.8
    grey: float = 0.2
    blur_first: float = 1.0
    blur_second: float = 0.1
    blur_small: float = 0.5
    solarise: float = 0.2


class MultiCrop:
    """Two large and ``config.smalls`` small views of a picture."""

    def __init__(self, config: CropConfig) -> None:
        self._config = config

    def __call__(self, picture: Picture, draw: np.random.Generator) -> list[View]:
        c = self._config
        views = []
        for number in range(2 + c.smalls):
            large = number < 2
            area = (c.border, 1.0) if large else (c.smallest, c.border)
            view = random_crop(picture, c.large if large else c.small, area, draw)
            view = self._coloured(view, draw)
            if draw.random() < (c.blur_first, c.blur_second, c.blur_small)[min(number, 2)]:
                view = blurred(view, draw.uniform(*BLUR) * c.large / PUBLISHED_SIDE)
            if number == 1 and draw.random() < c.solarise:
                view = np.where(view < 128, view, 255 - view).astype(np.uint8)
            views.append(normalised(view))
        return views

    def _coloured(self, view: Picture, draw: np.random.Generator) -> Picture:
        c = self._config
        if draw.random() < c.jitter_chance and c.jitter > 0:
            view = jittered(view, c.jitter, draw)
        if draw.random() < c.grey:
            view = np.repeat(cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
        return view


def random_crop(picture: Picture, side: int, area: tuple[float, float], draw: np.random.Generator) -> Picture:
    """(side, side, 3): a part of ``area`` shares, proportions between 3:4 and 4:3, perhaps mirrored."""
    height, width = picture.shape[:2]
    for _ in range(CROP_TRIES):
        part = height * width * draw.uniform(*area)
        proportion = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        across, down = round(math.sqrt(part * proportion)), round(math.sqrt(part / proportion))
        if 0 < across <= width and 0 < down <= height:
            break
    else:
        across = down = min(height, width)
    row, column = int(draw.integers(height - down + 1)), int(draw.integers(width - across + 1))
    view = resized(picture[row : row + down, column : column + across], side)
    return view[:, ::-1].copy() if draw.random() < 0.5 else view


def jittered(view: Picture, strength: float, draw: np.random.Generator) -> Picture:
    """Brightness, contrast, saturation and hue, each moved by a drawn factor."""
    light, contrast, saturation = 1 + strength * draw.uniform(-1, 1, 3) * np.array([0.4, 0.4, 0.2])
    hue = strength * 0.1 * draw.uniform(-1, 1) * LARGEST_HUE
    x = view.astype(np.float32) * np.float32(light)
    middle = np.float32(cv2.cvtColor(np.clip(x, 0, 255).astype(np.uint8), cv2.COLOR_RGB2GRAY).mean())
    x = np.clip((x - middle) * np.float32(contrast) + middle, 0, 255)
    hsv = cv2.cvtColor(x.astype(np.uint8), cv2.COLOR_RGB2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + hue) % LARGEST_HUE
    hsv[..., 1] = np.clip(hsv[..., 1] * saturation, 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB).astype(np.uint8, copy=False)


def blurred(view: Picture, deviation: float) -> Picture:
    return cv2.GaussianBlur(view, (0, 0), deviation).astype(np.uint8, copy=False)


def normalised(view: Picture) -> View:
    """(3, height, width) of a picture, by MEAN and DEVIATION."""
    mean, deviation = np.array(MEAN, np.float32), np.array(DEVIATION, np.float32)
    scaled = (view.astype(np.float32) / 255 - mean) / deviation
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def read_picture(path: Path) -> Picture:
    """Raises ValueError when the file holds no picture that can be read."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if found is None:
        raise ValueError(f"{path} holds no picture that can be read")
    return cv2.cvtColor(found, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_squares(paths: Sequence[Path], size: int) -> NDArray[np.uint8]:
    """(n, 3, size, size) face crops, RGB. Raises ValueError for one that is not square or cannot be read."""
    found = np.empty((len(paths), 3, size, size), np.uint8)
    for row, path in enumerate(paths):
        picture = read_picture(path)
        if picture.shape[0] != picture.shape[1]:
            raise ValueError(f"{path} is not square; crops are made by worker.engines.vit_pad.face_crop")
        found[row] = resized(picture, size).transpose(2, 0, 1)
    return found


def resized(picture: Picture, side: int) -> Picture:
    """(side, side, 3). Averaging when it shrinks: picking pixels would make moire patterns of its own."""
    smooth = cv2.INTER_AREA if min(picture.shape[:2]) > side else cv2.INTER_LINEAR
    return cv2.resize(picture, (side, side), interpolation=smooth).astype(np.uint8, copy=False)


def pictures_under(folders: Sequence[Path]) -> list[Path]:
    """All picture files below the folders, in the order of their names.

    Raises:
        ValueError: a folder is not there or holds none.
    """
    found: set[Path] = set()
    for folder in folders:
        here = {path for path in folder.rglob("*") if path.suffix.lower() in KINDS}
        if not here:
            raise ValueError(f"{folder} holds no pictures ({', '.join(KINDS)})")
        found |= here
    return sorted(found)
