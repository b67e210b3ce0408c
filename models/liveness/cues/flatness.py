"""Whether a face that moves is flat: the picture of a plane moves by a homography, that of a head leaves parallax.

Source: Hartley and Zisserman, "Multiple View Geometry in Computer Vision", 2004, ch. 13 (plane and parallax: what a
homography leaves of a rigid body moves in proportion to its depth off the plane); as a liveness cue De Marsico, Nappi,
Riccio and Dugelay, "Moving face spoofing detection via 3D projective invariants", ICB 2012. All landmarks and frames
are used together, so that noise averages out, and the noise is measured in the same capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

FEWEST = 6  # frames with a mesh
LEAST_TURN = 0.018  # of the face's size: what a similarity leaves; below it nothing turned enough to tell
ROUNDS = 2  # of aligning all frames and averaging them
TRIMMED = 0.2  # share of the landmarks farthest off that the second fit leaves out
TINY = 1e-5  # of the face's size

# Landmarks of MediaPipe's mesh on bone or gristle: nose, forehead, temples, cheekbones, corners of the eyes.
RIGID = np.array([
    1, 2, 4, 5, 6, 8, 9, 10, 19, 21, 33, 50, 54, 67, 69, 94, 97, 98, 100, 101, 103, 104, 108, 109, 116, 117, 118, 119,
    122, 123, 127, 129, 133, 151, 162, 168, 195, 197, 234, 251, 263, 280, 284, 297, 299, 326, 327, 329, 330, 332, 333,
    337, 338, 345, 346, 347, 348, 351, 352, 356, 358, 362, 389, 454,
])  # fmt: skip
LIDS = np.array([[159, 145], [386, 374]])
LIPS = np.array([[13, 14]])


@dataclass(frozen=True, slots=True)
class FlatnessCues:
    """Logarithms are natural; sizes are in shares of the face's (root mean square about its middle).

    Arguments:
        turn: logarithm of what the best similarity leaves of the movement: how much the face turned.
        left: logarithm of what the best homography leaves.
        kept: logarithm of the share of the similarity's residual that the homography leaves too; little for a sheet.
        parallax: logarithm of how far that moves with the face's own depth.
        smooth: logarithm of the same over what of it is not smooth in time, which is the landmarks' noise.
        depth_share: share of what the homography leaves that the face's depth explains.
        lids, lips: logarithms of how far the lids' and the lips' opening varies.
    """

    turn: float
    left: float
    kept: float
    parallax: float
    smooth: float
    depth_share: float
    lids: float
    lips: float

    def values(self) -> dict[str, float]:
        return asdict(self)


def flatness_cues(meshes: Sequence[NDArray[np.float32] | None], times: NDArray[np.float64]) -> FlatnessCues | None:
    """Cues of a capture's meshes, each (478, 3) or None where there was none, at rising ``times`` (n,) seconds.

    None when too few meshes are there or the face turned too little.

    Raises:
        ValueError: lengths differ, times do not rise, or a mesh holds what is no number.
    """
    times = np.asarray(times, np.float64)
    if len(times) != len(meshes) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise ValueError("each mesh needs a time, and times rise")
    held = [mesh for mesh in meshes if mesh is not None]
    if len(held) < FEWEST:
        return None
    points = np.stack(held).astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError("a mesh holds what is no number")
    flat, depth = _sized(points)
    turned = _left_by_similarity(flat[:, RIGID])
    turn = _rms(turned)
    if turn < LEAST_TURN:
        return None
    reference, residual, matrices = _left_by_homography(flat[:, RIGID])
    along = _parallax(residual, _off_plane(depth[:, RIGID].mean(0), reference))
    moves = float(np.sqrt(np.sum(along.var(0))))
    left = _rms(residual)
    return FlatnessCues(
        turn=float(np.log(turn)),
        left=float(np.log(left + TINY)),
        kept=float(np.log((left + TINY) / turn)),
        parallax=float(np.log(moves + TINY)),
        smooth=float(np.log((moves + TINY) / (float(np.hypot(*_roughness(along))) + TINY))),
        depth_share=float(np.sum(along**2) / max(np.sum(residual**2), TINY**2)),
        lids=_opening(flat, matrices, LIDS),
        lips=_opening(flat, matrices, LIPS),
    )


def _sized(points: Points) -> tuple[Points, Points]:
    """x, y (frames, landmarks, 2) and depth (frames, landmarks) about each frame's middle, in face sizes."""
    rigid = points[:, RIGID, :2]
    middle = rigid.mean(1, keepdims=True)
    size = np.sqrt(np.mean(np.sum((rigid - middle) ** 2, 2), 1))[:, None]
    return (points[:, :, :2] - middle) / size[:, :, None], points[:, :, 2] / size


def _left_by_similarity(shapes: Points) -> Points:
    """Residuals of generalised Procrustes analysis (frames, landmarks, 2)."""
    complex_shapes = shapes[:, :, 0] + 1j * shapes[:, :, 1]
    mean = complex_shapes[len(shapes) // 2]
    for _ in range(ROUNDS + 1):
        ratio = complex_shapes @ mean.conj() / np.sum(np.abs(mean) ** 2)  # turns and scales the mean onto each shape
        aligned = complex_shapes / ratio[:, None]
        mean = aligned.mean(0)
    left = aligned - mean
    return np.stack([left.real, left.imag], 2)


def _left_by_homography(shapes: Points) -> tuple[Points, Points, list[Points]]:
    """The shape that all frames show, residuals against it in its own plane, and each frame's way into it."""
    reference = shapes[len(shapes) // 2]
    for _ in range(ROUNDS + 1):
        matrices = [homography(shape, reference) for shape in shapes]
        aligned = np.stack([mapped(shape, matrix) for shape, matrix in zip(shapes, matrices, strict=True)])
        reference = aligned.mean(0)
    return reference, aligned - reference, matrices


def homography(source: Points, target: Points) -> Points:
    """(3, 3) from points (n, 2) to points (n, 2) by least squares, then again without those farthest off.

    Raises:
        ValueError: there is none, as when all points lie on a line.
    """
    first = _least_squares(source, target)
    off = np.linalg.norm(mapped(source, first) - target, axis=1)
    near = off <= np.quantile(off, 1 - TRIMMED)
    return _least_squares(source[near], target[near])


def _least_squares(source: Points, target: Points) -> Points:
    matrix, _ = cv2.findHomography(source, target, 0)
    if matrix is None or not np.isfinite(matrix).all():
        raise ValueError("no homography leads from these points to those")
    return np.asarray(matrix, np.float64)


def mapped(points: Points, matrix: Points) -> Points:
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0], np.float64)


def _off_plane(depth: NDArray[np.float64], reference: Points) -> NDArray[np.float64]:
    """(landmarks,) the face's depth less the plane that fits it best, to unit length."""
    plane = np.column_stack([reference, np.ones(len(reference))])
    off = depth - plane @ np.linalg.lstsq(plane, depth, rcond=None)[0]
    return off / max(float(np.linalg.norm(off)), TINY)


def _parallax(residual: Points, off: NDArray[np.float64]) -> NDArray[np.float64]:
    """(frames, 2) how far each frame's residual lies along the depth."""
    return np.einsum("fpc,p->fc", residual, off)


def _roughness(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is not smooth in time, along the first axis: second differences hold white noise 6-fold."""
    return np.sqrt(np.mean(np.diff(series, n=2, axis=0) ** 2, axis=0) / 6)


def _rms(residual: Points) -> float:
    """Root mean square distance."""
    return float(np.sqrt(np.mean(np.sum(residual**2, 2))))


def _opening(flat: Points, matrices: list[Points], pairs: NDArray[np.int64]) -> float:
    gaps = []
    for shape, matrix in zip(flat, matrices, strict=True):
        first, second = mapped(shape[pairs[:, 0]], matrix), mapped(shape[pairs[:, 1]], matrix)
        gaps.append(float(np.linalg.norm(first - second, axis=1).mean()))
    return float(np.log(np.std(gaps) + TINY))
