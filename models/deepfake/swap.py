"""Face swaps by landmarks: another person's face bent triangle by triangle into a picture, and blended.

The classic pipeline of FaceSwap (Kowalski, 2016; in FaceForensics++, Roessler et al., ICCV 2019), with the levels
moved as by Reinhard et al., "Color transfer between images", 2001, and Perez et al., "Poisson image editing", SIGGRAPH
2003. Used to measure, never to train the network: it is another process than the self-blended images.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from models.deepfake.crops import Grey, Points
from models.deepfake.faces import Face
from models.deepfake.masks import face_size, hull_mask

NARROWED = (0.0, 0.04)  # the mask lies this far inside the hull, in sizes of the face
SOFTNESS = (0.01, 0.05)


def swapped(target: Face, source: Face, draw: np.random.Generator) -> Grey:
    """The target's picture with the source's face; landmarks of both in the same order.

    Raises:
        ValueError: the two have different landmarks.
    """
    if target.points.shape != source.points.shape:
        raise ValueError("a swap needs the same landmarks in both faces")
    bent = warped(source.picture, source.points, target.points, target.picture.shape[:2])
    hull = hull_mask(target.points, target.picture.shape[:2])
    if draw.random() < 0.75:
        bent = relit(bent, target.picture, hull > 0.5)
    size = face_size(target.points)
    inside = _narrowed(hull, float(draw.uniform(*NARROWED)) * size)
    if draw.random() < 0.5 and (cloned := _cloned(bent, target.picture, inside)) is not None:
        return cloned
    sigma = float(draw.uniform(*SOFTNESS)) * size
    weight = cv2.GaussianBlur(_narrowed(inside, sigma), (0, 0), sigma)
    mixed = weight * bent + (1 - weight) * target.picture
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def warped(picture: Grey, points: Points, to: Points, shape: tuple[int, int]) -> Grey:
    """``picture`` bent so that ``points`` come to lie at ``to``; black outside of the hull of ``to``.

    Each triangle of a Delaunay triangulation of ``to`` is moved by its own affine map.
    """
    triangles = Delaunay(to.astype(np.float64))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float64)
    simplex = triangles.find_simplex(pixels)
    found = simplex >= 0
    transform = triangles.transform[simplex[found]]
    two = np.einsum("nij,nj->ni", transform[:, :2], pixels[found] - transform[:, 2])
    weights = np.concatenate([two, 1 - two.sum(axis=1, keepdims=True)], axis=1)
    corners = points[triangles.simplices[simplex[found]]].astype(np.float64)
    places = np.full((len(pixels), 2), -10.0, np.float32)
    places[found] = np.einsum("nk,nkd->nd", weights, corners)
    maps = places.reshape(*shape, 2)
    return cv2.remap(picture, maps[:, :, 0], maps[:, :, 1], cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def relit(picture: Grey, like: Grey, inside: NDArray[np.bool_]) -> Grey:
    """``picture`` with the mean and deviation that ``like`` has ``inside``."""
    levels, other = picture.astype(np.float32), like.astype(np.float32)
    stretched = (levels - levels[inside].mean()) / (levels[inside].std() + 1e-3) * (other[inside].std() + 1e-3)
    return np.clip(stretched + other[inside].mean(), 0, 255).astype(np.uint8)


def fitting(target: Face, others: Sequence[Face]) -> Face:
    """Whose face lies most like the target's: the same pose and expression, as a forger would choose.

    Raises:
        ValueError: there is nobody else.
    """
    strangers = [face for face in others if face.subject != target.subject]
    if not strangers:
        raise ValueError("a swap needs another person")
    place = _normalised(target.points)
    return min(strangers, key=lambda face: float(((_normalised(face.points) - place) ** 2).sum()))


def _normalised(points: Points) -> Points:
    return (points - points.mean(axis=0)) / face_size(points)


def _narrowed(mask: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:
    size = 2 * round(pixels) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.erode(mask, kernel).astype(np.float32, copy=False)


def _cloned(bent: Grey, target: Grey, mask: NDArray[np.float32]) -> Grey | None:
    """By Poisson's equation; None where the mask touches the border of the picture, which OpenCV cannot do."""
    rows, columns = np.nonzero(mask > 0.5)
    height, width = mask.shape
    if not len(rows) or min(rows.min(), columns.min()) < 2 or rows.max() > height - 3 or columns.max() > width - 3:
        return None
    middle = (int(columns.min() + columns.max() + 1) // 2, int(rows.min() + rows.max() + 1) // 2)
    area = ((mask > 0.5) * 255).astype(np.uint8)
    three = [cv2.cvtColor(one, cv2.COLOR_GRAY2BGR) for one in (bent, target)]
    cloned = cv2.seamlessClone(three[0], three[1], area, middle, cv2.NORMAL_CLONE)
    return np.ascontiguousarray(cloned[:, :, 0]).astype(np.uint8, copy=False)
