"""How far a mouth stands open over time, from face meshes, and how much of that is more than landmark noise.

The points are those of MediaPipe's face mesh (Kartynnik et al., 2019). The opening is the height of the inner lips over
their width, so that neither the distance to the camera nor a turn in the picture's plane counts. NumPy only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 50.0  # of the even grid, per second
FEWEST_MESHES = 20
SMALLEST_SHARE = 0.7  # of the pictures that must have a mesh
LONGEST_GAP = 0.5  # seconds without a mesh

UPPER, LOWER = (81, 13, 311), (178, 14, 402)  # inner lips, beside and on the middle line
LIP_CORNERS = (78, 308)
# What does not move with speech: eye corners, bridge and tip of the nose, temples.
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 4, 127, 356)
MOUTH = (13, 14, 78, 308, 81, 178, 311, 402, 0, 17, 61, 291)


@dataclass(frozen=True, slots=True)
class MouthTrack:
    """A mouth on an even grid.

    Arguments:
        start: of the grid, in seconds on the pictures' clock.
        opening: (n,) height of the inner lips over their width, ``RATE`` a second.
        speed: (n,) change of the opening a second, without its sign.
        deformation: how far the mouth's points move against the face, over how far the points of a stiff part do; near
            1 for a flat picture, whatever somebody does with it.
    """

    start: float
    opening: NDArray[np.float64]
    speed: NDArray[np.float64]
    deformation: float


def mouth_track(meshes: Sequence[NDArray[np.floating] | None], times: NDArray[np.floating]) -> MouthTrack:
    """Follow a mouth through the pictures that have a mesh.

    Arguments:
        meshes: (478, 3) or (468, 3) each, pixels; None where there is none.
        times: (pictures,) seconds, rising.

    Raises:
        ValueError: too few meshes, too long without one, times that do not rise, or points that are no numbers.
    """
    if len(meshes) != len(times):
        raise ValueError("every picture needs a time, and a mesh or None")
    kept = [index for index, mesh in enumerate(meshes) if mesh is not None]
    if len(kept) < max(FEWEST_MESHES, SMALLEST_SHARE * len(meshes)):
        raise ValueError(f"a mouth was found in only {len(kept)} of {len(meshes)} pictures")
    points = np.stack([np.asarray(meshes[index], np.float64)[:, :2] for index in kept])
    at = np.asarray(times, np.float64)[kept]
    if not (np.isfinite(points).all() and np.isfinite(at).all() and (np.diff(at) > 0).all()):
        raise ValueError("meshes need finite points, and times that rise")
    if np.diff(at).max() > LONGEST_GAP:
        raise ValueError("the mouth was lost for too long")
    grid = np.arange(at[0], at[-1], 1 / RATE)
    opening = np.interp(grid, at, openings(points))
    return MouthTrack(float(at[0]), opening, np.abs(np.gradient(opening) * RATE), _deformation(points))


def openings(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames,) height of the inner lips over their width, of (frames, points, 2)."""
    height = np.linalg.norm(points[:, UPPER] - points[:, LOWER], axis=2).mean(1)
    width = np.linalg.norm(points[:, LIP_CORNERS[0]] - points[:, LIP_CORNERS[1]], axis=1)
    return height / np.maximum(width, 1e-6)


def _deformation(points: NDArray[np.float64]) -> float:
    """Mean movement of the mouth's points from picture to picture over that of stiff points, after taking out how
    the face as a whole moved, turned and grew."""
    mouth, rigid = [], []
    for before, after in itertools.pairwise(points):
        moved = _moved(before, before[list(RIGID)], after[list(RIGID)])
        distance = np.linalg.norm(moved - after, axis=1)
        mouth.append(distance[list(MOUTH)].mean())
        rigid.append(distance[list(RIGID)].mean())
    return float(np.mean(mouth) / max(float(np.mean(rigid)), 1e-6))


def _moved(
    points: NDArray[np.float64], source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``points`` after the affine map that takes ``source`` nearest to ``target`` (least squares)."""
    ones = np.ones((len(source), 1))
    matrix, *_ = np.linalg.lstsq(np.hstack([source, ones]), target, rcond=None)
    return np.hstack([points, np.ones((len(points), 1))]) @ matrix
