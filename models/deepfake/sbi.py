"""Self-blended images: forgeries made of one real face, so that real faces suffice to train on.

Shiohara and Yamasaki, "Detecting deepfakes with self-blended images", CVPR 2022. Two copies of a face are changed
differently (light, sharpness, size, compression, place) and blended by a mask of the face: what comes out has the
borders and the statistics that do not fit of a face swap, and no traces of any one generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.deepfake.crops import Grey, Points
from models.deepfake.degradation import noisy, recompressed
from models.deepfake.masks import Mask, displaced, drawn_mask, face_size

RATIOS = (0.4, 0.6, 0.8, 1.0, 1.0, 1.0)  # how strongly the source shows through the mask, each as likely
LIGHT = 0.15  # most that brightness and contrast change, as a share
GAMMA = 0.25  # most that the logarithm of gamma is away from 0
SHRINKING = (0.25, 0.75)
QUALITY = (30, 90)
NOISE = (2.0, 7.0)
MOVE = 0.03  # of the face's size
GROWTH = 0.04
WAVE = 0.012  # most that the source is bent, of the face's size
LEAST_CHANGE = 1.0  # mean grey levels within the mask: less is a real picture with another name
TRIES = 4


@dataclass(frozen=True, slots=True)
class Blended:
    """A forgery (height, width), and how strongly the source shows through at each pixel, 0 to 1."""

    picture: Grey
    mask: Mask


def self_blended(picture: Grey, points: Points, draw: np.random.Generator) -> Blended:
    """A forgery of a real face.

    Arguments:
        picture: (height, width), brightness, one real face.
        points: (n, 2) landmarks in pixels, n of 3 or more; their hull is the face.
        draw: everything is drawn from it: the same generator gives the same forgery.

    Raises:
        ValueError: as ``hull_mask``.
    """
    blended = Blended(picture, np.zeros(picture.shape, np.float32))
    for _ in range(TRIES):
        mask = drawn_mask(points, picture.shape[:2], draw)
        source, target = picture, picture
        if draw.random() < 0.5:
            source = changed(picture, draw)
        else:
            target = changed(picture, draw)
        source = _moved(source, face_size(points), draw)
        weight = mask * np.float32(draw.choice(RATIOS))
        mixed = weight * source + (1 - weight) * target
        blended = Blended(np.clip(np.round(mixed), 0, 255).astype(np.uint8), mask)
        inside = mask > 0.5
        if inside.any() and np.abs(mixed - target)[inside].mean() >= LEAST_CHANGE:
            break
    return blended


def changed(picture: Grey, draw: np.random.Generator) -> Grey:
    """Light, and one or two of sharpness, size, compression and noise, drawn anew."""
    found = _relit(picture, draw) if draw.random() < 0.8 else picture
    for kind in draw.choice(4, size=draw.integers(1, 3), replace=False):
        found = (_resized, _sharpened, _compressed, _grained)[kind](found, draw)
    return found


def _relit(picture: Grey, draw: np.random.Generator) -> Grey:
    gamma = np.exp(draw.uniform(-GAMMA, GAMMA))
    levels = 255 * (np.arange(256) / 255) ** gamma
    levels = (levels - 128) * (1 + draw.uniform(-LIGHT, LIGHT)) + 128 * (1 + draw.uniform(-LIGHT, LIGHT))
    return cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)).astype(np.uint8, copy=False)


def _resized(picture: Grey, draw: np.random.Generator) -> Grey:
    height, width = picture.shape[:2]
    share = draw.uniform(*SHRINKING)
    small = cv2.resize(picture, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_LINEAR if draw.random() < 0.5 else cv2.INTER_CUBIC
    return cv2.resize(small, (width, height), interpolation=how).astype(np.uint8, copy=False)


def _sharpened(picture: Grey, draw: np.random.Generator) -> Grey:
    blurred = cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.6, 1.6))
    strength = draw.uniform(0.4, 1.2)
    return cv2.addWeighted(picture, 1 + strength, blurred, -strength, 0).astype(np.uint8, copy=False)


def _compressed(picture: Grey, draw: np.random.Generator) -> Grey:
    return recompressed(picture, int(draw.integers(*QUALITY)))


def _grained(picture: Grey, draw: np.random.Generator) -> Grey:
    return noisy(picture, draw.uniform(*NOISE), draw)


def _moved(picture: Grey, size: float, draw: np.random.Generator) -> Grey:
    """The source a little bent, larger or smaller, and beside its place."""
    height, width = picture.shape[:2]
    growth = 1 + draw.uniform(-GROWTH, GROWTH)
    across, down = draw.uniform(-MOVE, MOVE, 2) * size
    matrix = np.array(
        [[growth, 0, (1 - growth) * width / 2 + across], [0, growth, (1 - growth) * height / 2 + down]], np.float32
    )
    found = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return displaced(found, size * WAVE, size * 0.25, draw).astype(np.uint8, copy=False)
