"""What a face is doing rather than whose it is: action units, pose and gaze from one mesh, 27 values.

Action units are named after FACS (Ekman, Friesen and Hager, 2002). They are no trained detectors: each is the one
distance that its muscle changes most, in distances between the eyes, measured in the face's own frame, so that turning
the head changes it little. Points are those of MediaPipe's face mesh with irises (Grishchenko et al., 2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
POINTS = 478

# Points that lie opposite each other and that no expression moves far: eye corners, temples, cheeks. The person's right
# side, which lies on the left of the picture, comes first.
OPPOSITE = np.array([[33, 263], [133, 362], [127, 356], [234, 454]])
NASION, SUBNASALE, CHIN = 168, 2, 152
OUTER_CORNERS, INNER_CORNERS = (33, 263), (133, 362)
UPPER_LIDS, LOWER_LIDS = ([160, 159, 158], [385, 386, 387]), ([144, 145, 153], [380, 374, 373])
INNER_BROWS, OUTER_BROWS = ([107, 55], [336, 285]), ([70, 46], [300, 276])
CHEEKS, NOSTRILS = ([50, 205], [280, 425]), (129, 358)
UPPER_LIP_TOP, UPPER_LIP_BOTTOM, LOWER_LIP_TOP, LOWER_LIP_BOTTOM = 0, 13, 14, 17
MOUTH_CORNERS = (61, 291)
IRISES = (468, 473)

ACTION_UNITS: dict[str, Callable[[Points], float]] = {
    "au01_inner_brow_raise_right": lambda p: _rise(p, INNER_BROWS[0], [INNER_CORNERS[0]]),
    "au01_inner_brow_raise_left": lambda p: _rise(p, INNER_BROWS[1], [INNER_CORNERS[1]]),
    "au02_outer_brow_raise_right": lambda p: _rise(p, OUTER_BROWS[0], [OUTER_CORNERS[0]]),
    "au02_outer_brow_raise_left": lambda p: _rise(p, OUTER_BROWS[1], [OUTER_CORNERS[1]]),
    "au04_brow_lower": lambda p: -_apart(p, INNER_BROWS[0], INNER_BROWS[1]),
    "au05_eye_open_right": lambda p: _rise(p, UPPER_LIDS[0], LOWER_LIDS[0]),
    "au05_eye_open_left": lambda p: _rise(p, UPPER_LIDS[1], LOWER_LIDS[1]),
    "au06_cheek_raise": lambda p: -_both(p, _rise, LOWER_LIDS, CHEEKS),
    "au09_nose_wrinkle": lambda p: -_both(p, _rise, INNER_CORNERS, NOSTRILS),
    "au10_upper_lip_raise": lambda p: -_rise(p, [SUBNASALE], [UPPER_LIP_TOP]),
    "au12_lip_corner_pull": lambda p: -_both(p, _apart, OUTER_CORNERS, MOUTH_CORNERS),
    "au15_lip_corner_depress": lambda p: _rise(p, [UPPER_LIP_BOTTOM, LOWER_LIP_TOP], list(MOUTH_CORNERS)),
    "au17_chin_raise": lambda p: -_rise(p, [LOWER_LIP_BOTTOM], [CHIN]),
    "au18_lip_pucker": lambda p: _rise(p, [UPPER_LIP_TOP], [LOWER_LIP_BOTTOM]) / max(_mouth_width(p), 1e-3),
    "au20_lip_stretch": lambda p: _mouth_width(p),
    "au25_lips_part": lambda p: _rise(p, [UPPER_LIP_BOTTOM], [LOWER_LIP_TOP]),
    "au26_jaw_drop": lambda p: _rise(p, [SUBNASALE], [CHIN]),
}
POSE_NAMES = ("yaw", "pitch", "roll", "position_x", "position_y", "scale")
GAZE_NAMES = ("gaze_right_x", "gaze_right_y", "gaze_left_x", "gaze_left_y")
FACE_CONTEXT_NAMES: tuple[str, ...] = (*ACTION_UNITS, *POSE_NAMES, *GAZE_NAMES)


def face_context(mesh: NDArray[np.floating], width: int, height: int) -> NDArray[np.float32]:
    """The values of FACE_CONTEXT_NAMES.

    Angles are in radians: yaw is positive when the nose points to the right of the picture, pitch when it points up,
    roll when the head is turned clockwise. Position is the middle between the eyes, 0 in the middle of the picture and
    half at its edge; scale is the distance between the eyes over the geometric mean of the picture's sides. Gaze is
    the iris off the middle of its eye, in half widths of the eye, to the right and downward.

    Arguments:
        mesh: (478, 3), x and y in pixels, z on the scale of x, smaller towards the camera.
        width, height: of the picture in pixels.

    Raises:
        ValueError: the mesh has another shape or no extent.
    """
    if mesh.shape != (POINTS, 3):
        raise ValueError(f"a mesh of shape {mesh.shape}; wanted ({POINTS}, 3)")
    points = mesh.astype(np.float64)
    frame = rigid_frame(points)
    eyes = points[[*OUTER_CORNERS, *INNER_CORNERS]].reshape(2, 2, 3).mean(0)
    distance = float(np.linalg.norm(eyes[1] - eyes[0]))
    middle = eyes.mean(0)
    local = (points - middle) @ frame / distance
    pose = [
        np.arcsin(np.clip(frame[2, 0], -1, 1)),
        np.arctan2(-frame[2, 1], frame[2, 2]),
        np.arctan2(frame[1, 0], frame[0, 0]),
        middle[0] / width - 0.5,
        middle[1] / height - 0.5,
        distance / np.sqrt(width * height),
    ]
    values = [*(measure(local) for measure in ACTION_UNITS.values()), *pose, *_gaze(local)]
    return np.array(values, np.float32)


def rigid_frame(points: Points) -> Points:
    """The face's axes as columns (3, 3): to the right of the picture, down the face, away from the camera.

    Raises:
        ValueError: the points have no extent.
    """
    across = (points[OPPOSITE[:, 1]] - points[OPPOSITE[:, 0]]).mean(0)
    down = points[SUBNASALE] - points[NASION]
    away = np.cross(across, down)
    lengths = np.linalg.norm(across), np.linalg.norm(away)
    if min(lengths) < 1e-6:
        raise ValueError("a mesh without extent")
    across, away = across / lengths[0], away / lengths[1]
    return np.stack([across, np.cross(away, across), away], axis=1)


def _gaze(local: Points) -> list[float]:
    values = []
    for iris, outer, inner in zip(IRISES, OUTER_CORNERS, INNER_CORNERS, strict=True):
        middle = (local[outer] + local[inner]) / 2
        half_width = max(float(np.linalg.norm(local[outer] - local[inner])) / 2, 1e-3)
        values += list((local[iris] - middle)[:2] / half_width)
    return values


def _rise(points: Points, upper, lower) -> float:
    """How far ``upper`` lies above ``lower``, both means of points; y runs down the face."""
    return float(_mean(points, lower)[1] - _mean(points, upper)[1])


def _apart(points: Points, one, other) -> float:
    return float(np.linalg.norm((_mean(points, one) - _mean(points, other))[:2]))


def _both(points: Points, measure: Callable[..., float], ones, others) -> float:
    """Mean over the two sides of the face."""
    return (measure(points, ones[0], others[0]) + measure(points, ones[1], others[1])) / 2


def _mouth_width(points: Points) -> float:
    return _apart(points, *MOUTH_CORNERS)


def _mean(points: Points, which) -> Points:
    return points[np.atleast_1d(which)].mean(0)
