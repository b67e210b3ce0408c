"""Turn the head to a named side: the head's angle from landmarks, and whether it went where it was asked to.

The angle comes from the least-squares rotation (Kabsch, Acta Crystallographica 1976; with scale, Umeyama, PAMI 1991)
of a mean head onto landmarks that no expression moves far. Pictures must not be mirrored: a camera shows the person's
left on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

POINTS = 478
# Points of MediaPipe's face mesh (Kartynnik et al., 2019) and where they lie on a mean head, in distances between the
# outer eye corners: to the right of the picture, down, away from the camera. Mean of 200 people of LFW by generalised
# Procrustes analysis, made symmetric. First pairs (the person's right, the person's left), then the middle line.
PAIRS = (
    (33, 263, 0.500, -0.034, -0.008),  # outer eye corners
    (133, 362, 0.200, -0.013, -0.066),  # inner eye corners
    (127, 356, 0.797, -0.036, 0.547),  # temples
    (162, 389, 0.784, -0.195, 0.417),
    (234, 454, 0.791, 0.122, 0.614),  # before the ears
    (129, 358, 0.244, 0.394, -0.137),  # nostrils
    (50, 280, 0.551, 0.335, -0.034),  # cheekbones
)
MIDDLE = (
    (10, -0.587, -0.263),  # forehead
    (151, -0.409, -0.285),
    (168, -0.046, -0.260),  # nasion
    (6, 0.043, -0.300),
    (4, 0.395, -0.471),  # tip of the nose
    (2, 0.514, -0.260),  # below the nose
)
INDICES = np.array([*(p[0] for p in PAIRS), *(p[1] for p in PAIRS), *(p[0] for p in MIDDLE)])
HEAD = np.array(
    [*((-x, y, z) for _, _, x, y, z in PAIRS), *(p[2:] for p in PAIRS), *((0.0, y, z) for _, y, z in MIDDLE)]
)

TURNED = 15.0  # degrees from where the head was at first; the mesh reads about a seventh less than the head turns
FRONTAL = 15.0  # the head looks to the camera at first, within so many degrees
OTHER_WAY = 12.0  # degrees to the wrong side before the right one
FRAMES_HELD = 2  # in a row beyond TURNED: one alone may be a slip of the mesh
REST = 0.6  # seconds up to shortly after the start that tell where the head was
REACTION = 0.2  # seconds in which nobody has turned yet
LARGEST_STEP = 15.0  # degrees from one frame to the next; a head that is suddenly elsewhere belongs to another picture
LONGEST_GAP = 0.6  # seconds without a face; within one somebody else may have sat down


@dataclass(frozen=True, slots=True)
class TurnCheck:
    """What the head did, in degrees from where it was at first.

    Arguments:
        largest: furthest to the named side. other_way: furthest to the other side before that was reached.
        at: seconds when the angle was reached; None when it was not.
    """

    done: bool
    largest: float
    at: float | None
    other_way: float


NOT_DONE = TurnCheck(False, 0.0, None, 0.0)


def head_yaw(mesh: NDArray[np.floating]) -> float:
    """Degrees that the head is turned, positive to the person's own left (the right of an unmirrored picture).

    Arguments:
        mesh: (478, 3), x and y in pixels, z on the scale of x, smaller towards the camera.

    Raises:
        ValueError: the mesh has another shape, is no number or has no extent.
    """
    if mesh.shape != (POINTS, 3):
        raise ValueError(f"a mesh of shape {mesh.shape}; wanted ({POINTS}, 3)")
    seen = mesh[INDICES].astype(np.float64)
    seen -= seen.mean(0)
    if not np.isfinite(seen).all() or np.linalg.norm(seen) < 1e-6:
        raise ValueError("a mesh without extent")
    left, _, right = np.linalg.svd(seen.T @ (HEAD - HEAD.mean(0)))
    proper = np.diag([1.0, 1.0, np.linalg.det(left @ right)])  # a rotation, never a reflection
    rotation = left @ proper @ right
    return float(np.degrees(np.arctan2(-rotation[0, 2], rotation[2, 2])))


def check_turn(
    yaws: NDArray[np.float64],
    times: NDArray[np.float64],
    side: Literal["left", "right"],
    starts: float,
    ends: float,
) -> TurnCheck:
    """Whether the head began near frontal, reached TURNED to ``side`` in time and step by step, and did not go the other
    way before.

    Arguments:
        yaws: (n,) degrees of ``head_yaw``, NaN where the face was lost.
        times: (n,) seconds.
        side: the person's own.

    Raises:
        ValueError: shapes differ, or there is no such side.
    """
    if yaws.shape != times.shape:
        raise ValueError("one time a yaw is needed")
    if side not in ("left", "right"):
        raise ValueError(f"no side {side!r}")
    finite = np.isfinite(yaws)
    at_rest = finite & (times >= starts - REST) & (times <= starts + REACTION)
    within = finite & (times > starts + REACTION) & (times <= ends)
    if not at_rest.any() or not within.any():
        return NOT_DONE
    rest = float(np.median(yaws[at_rest]))
    towards = (yaws[within] - rest) * (1 if side == "left" else -1)
    moments = times[within]
    reached = _first_held(towards >= TURNED)
    before = towards if reached is None else towards[:reached]
    other_way = float(max(0.0, (-before).max(initial=0.0)))
    largest = float(max(0.0, towards.max()))
    if reached is None:
        return TurnCheck(False, largest, None, other_way)
    followed = np.diff([starts, *moments[: reached + 1]]).max() <= LONGEST_GAP
    steady = np.abs(np.diff([0.0, *towards[: reached + 1]])).max() <= LARGEST_STEP
    done = bool(abs(rest) <= FRONTAL and other_way <= OTHER_WAY and followed and steady)
    return TurnCheck(done, largest, float(moments[reached]), other_way)


def _first_held(beyond: NDArray[np.bool_]) -> int | None:
    """Index of the first of FRAMES_HELD in a row."""
    for index in range(len(beyond) - FRAMES_HELD + 1):
        if beyond[index : index + FRAMES_HELD].all():
            return index
    return None
