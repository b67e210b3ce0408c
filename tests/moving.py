"""Moving pictures of a person made from one still: turning the head, blinking, speaking, lit by a screen.

The still is bent by the depth of its own face mesh, so that the motion is none of a plane. It drives the software
through what live cameras send. It is no measure of resistance to attacks: its depth is a mesh's guess, nothing comes
into sight that the still does not show, and light falls on it evenly.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from models.liveness.challenges.light import linear_light
from models.liveness.cues.blink import EYES
from tests.media import Eye, Picture, lids_down

Points = NDArray[np.float64]
Path = Callable[[float], float]

FACE = 468  # points of the mesh without irises
OUTLINE = np.array(
    (
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    )
)
INNER_LIPS = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95])
UPPER_LIP, LOWER_LIP, CHIN, TEMPLES = 13, 14, 152, (234, 454)
HAIR = ((1.25, 0.75), (1.55, 0.3), (1.9, 0.0))  # rings around the outline, and how far each goes along with it
PIVOT = 0.55  # face widths behind the temples' depth: the neck
COARSE = 6  # pixels between points at which the bending is worked out
JAW = 0.22  # face widths that the jaw drops when the mouth is wide open
LIPS_SHUT = 0.02
HIDDEN_ROUNDS = 4
MOUTH_INSIDE = (52, 22, 24)
SWAY, SWAY_PITCH = 4.0, 2.0  # degrees
NOISE = 1.5  # grey levels of one pixel
GRAIN = 97  # pixels that the noise is larger than a frame
BEHIND = 0.12  # of the screen's light on the face reaches what is behind
DAYLIGHT = 8.0  # ambient light on the face in units of the white screen's


def person_frames(
    portrait: Picture,
    mesh: NDArray[np.float32],
    *,
    seconds: float,
    rate: float = 12.0,
    yaw: Path | None = None,
    pitch: Path | None = None,
    closed: Path = lambda time: 0.0,
    mouth: Path = lambda time: 0.0,
    light: Callable[[float], tuple[float, float, float]] | None = None,
    ambient: float = DAYLIGHT,
    seed: int = 0,
) -> list[Picture]:
    """Frames (480, 640, 3) or of whatever size the portrait has.

    Arguments:
        mesh: (478, 3) of the portrait.
        yaw, pitch: degrees by time, positive to the person's own left and up; a small sway when not said.
        closed, mouth: in [0, 1] by time; lids down, mouth open.
        light: sRGB in 0 to 255 of a screen by time.
        ambient: other light on the face, in units of what the white screen gives.
    """
    noise = np.random.default_rng(seed)
    phase = noise.uniform(0, 2 * np.pi, 2)
    points, eyes = mesh.astype(np.float64), _eyes(mesh)
    near = nearness(points, portrait.shape[:2])
    grain = noise.normal(0, NOISE, (portrait.shape[0] + GRAIN, portrait.shape[1] + GRAIN, 3)).astype(np.float32)
    frames = []
    for time in np.arange(round(seconds * rate)) / rate:
        turned = yaw(time) if yaw is not None else SWAY * np.sin(1.9 * time + phase[0])
        raised = pitch(time) if pitch is not None else SWAY_PITCH * np.sin(1.3 * time + phase[1])
        frame = lids_down(portrait, eyes, closed(time))
        frame, face = _bent(frame, points, turned, raised, mouth(time))
        if light is not None:
            frame = lit(frame, cv2.remap(near, *face, cv2.INTER_LINEAR), light(time), ambient)
        frames.append(np.clip(frame + _piece(grain, noise), 0, 255).astype(np.uint8))
    return frames


def _piece(grain: NDArray[np.float32], noise: np.random.Generator) -> NDArray[np.float32]:
    """Noise of one frame, cut from more of it at random: drawing all anew takes longer than everything else."""
    down, across = noise.integers(0, GRAIN, 2)
    return grain[down : down + grain.shape[0] - GRAIN, across : across + grain.shape[1] - GRAIN]


def _bent(
    picture: Picture, points: Points, yaw: float, pitch: float, mouth: float
) -> tuple[Picture, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """The picture with the head turned and the mouth opened, and where each of its pixels came from."""
    source, target = _anchors(points, picture.shape[:2], yaw, pitch, mouth)
    lips = target[INNER_LIPS, :2]
    height, width = picture.shape[:2]
    columns, rows = np.meshgrid(np.arange(0, width + COARSE, COARSE), np.arange(0, height + COARSE, COARSE))
    bend = LinearNDInterpolator(*_in_sight(source, target))(columns, rows)
    enlarge = np.array([[COARSE, 0, 0], [0, COARSE, 0]], np.float64)
    size = (bend.shape[1] * COARSE, bend.shape[0] * COARSE)
    fine = cv2.warpAffine(np.nan_to_num(bend).astype(np.float32), enlarge, size, borderMode=cv2.BORDER_REPLICATE)
    across = np.arange(width, dtype=np.float32)[None] + fine[:height, :width, 0]
    down = np.arange(height, dtype=np.float32)[:, None] + fine[:height, :width, 1]
    bent = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if mouth > LIPS_SHUT:
        inside = np.zeros(bent.shape[:2], np.float32)
        cv2.fillPoly(inside, [lips.round().astype(np.int32)], 1.0)
        inside = cv2.GaussianBlur(inside, (3, 3), 0)[..., None]
        bent = (bent * (1 - inside) + np.array(MOUTH_INSIDE, np.float32) * inside).astype(np.uint8)
    return bent, (across, down)


def _in_sight(source: Points, target: Points) -> tuple[Points, Points]:
    """Where points come to lie, and how far back they came from, without those that the head now hides: a triangle that
    is turned over has its deepest corner behind something else."""
    kept = np.arange(len(source))
    for _ in range(HIDDEN_ROUNDS):
        triangles = Delaunay(source[kept]).simplices
        over = _area(source[kept][triangles]) * _area(target[kept, :2][triangles]) < 0
        if not over.any():
            break
        turned = triangles[over]
        hidden = turned[np.arange(len(turned)), target[kept, 2][turned].argmax(1)]
        kept = np.delete(kept, hidden)
    return target[kept, :2], source[kept] - target[kept, :2]


def _area(corners: Points) -> Points:
    """Twice the signed area of triangles (n, 3, 2)."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]


def _anchors(points: Points, shape: tuple[int, ...], yaw: float, pitch: float, mouth: float) -> tuple[Points, Points]:
    """Points of the still (n, 2) and where they go (n, 3): the face, rings of hair, the still edge of the picture."""
    face = points[:FACE]
    wide = np.linalg.norm(points[TEMPLES[1], :2] - points[TEMPLES[0], :2])
    pivot = points[list(TEMPLES)].mean(0) + np.array([0, 0, PIVOT * wide])
    opened = face + _jaw(face, wide) * mouth
    moved = (opened - pivot) @ _rotation(yaw, pitch).T + pivot
    middle = face[OUTLINE, :2].mean(0)
    source, target = [face[:, :2]], [moved]
    for reach, share in HAIR:
        ring = middle + (face[OUTLINE, :2] - middle) * reach
        behind = moved[OUTLINE, 2:] + reach * wide
        source.append(ring)
        target.append(np.hstack([ring + share * (moved[OUTLINE, :2] - face[OUTLINE, :2]), behind]))
    edge = _edge(shape)
    far = np.full((len(edge), 1), 10 * wide)
    return np.concatenate([*source, edge]), np.concatenate([*target, np.hstack([edge, far])])


def _jaw(face: Points, wide: float) -> Points:
    """How far each point drops when the mouth opens wide: what lies below the line of the lips, less to the sides."""
    line = (face[UPPER_LIP, 1] + face[LOWER_LIP, 1]) / 2
    depth = np.clip((face[:, 1] - line) / max(face[LOWER_LIP, 1] - line + 0.06 * wide, 1.0), 0, 1)
    beside = np.clip(np.abs(face[:, 0] - face[UPPER_LIP, 0]) / (0.45 * wide), 0, 1)
    lower = np.zeros(len(face))
    lower[INNER_LIPS[11:]] = 1.0  # the edge of the lower lip itself lies on the line
    drop = np.maximum(depth, lower) * (1 - beside**2)
    drop[INNER_LIPS[:11]] = 0.0
    return np.stack([np.zeros(len(face)), JAW * wide * drop, np.zeros(len(face))], axis=1)


def _rotation(yaw: float, pitch: float) -> Points:
    """To the person's left, which is the right of the picture, and up; x right, y down, z away from the camera."""
    across, up = np.radians(yaw), np.radians(pitch)
    turn = np.array([[np.cos(across), 0, -np.sin(across)], [0, 1, 0], [np.sin(across), 0, np.cos(across)]])
    nod = np.array([[1, 0, 0], [0, np.cos(up), np.sin(up)], [0, -np.sin(up), np.cos(up)]])
    return turn @ nod


def _edge(shape: tuple[int, ...]) -> Points:
    height, width = shape[:2]
    across, down = np.linspace(-COARSE, width + COARSE, 9), np.linspace(-COARSE, height + COARSE, 9)
    sides = [(x, y) for x in across for y in (down[0], down[-1])] + [
        (x, y) for y in down[1:-1] for x in across[[0, -1]]
    ]
    return np.array(sides)


def nearness(points: Points, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """How much of the screen's light arrives, 1 on the face and BEHIND on the background, soft in between."""
    near = np.zeros(shape, np.float32)
    middle = points[OUTLINE, :2].mean(0)
    head = middle + (points[OUTLINE, :2] - middle) * 1.2
    cv2.fillPoly(near, [head.round().astype(np.int32)], 1.0)
    return BEHIND + (1 - BEHIND) * cv2.GaussianBlur(near, (0, 0), 8)


def lit(picture: Picture, near: NDArray[np.float32], srgb: tuple[float, float, float], ambient: float) -> Picture:
    """The picture in daylight and the light of the screen, exposed as without the screen."""
    screen = linear_light(np.array(srgb, np.float64)).astype(np.float32)
    light = (ambient + near[..., None] * screen) / (ambient + 0.5)
    linear = LINEAR[picture] * light
    return GAMMA[np.clip(linear * (len(GAMMA) - 1), 0, len(GAMMA) - 1).astype(np.int32)]


def _eyes(mesh: NDArray[np.float32]) -> tuple[Eye, Eye]:
    first, second = (_eye(mesh[points, :2]) for points in EYES)
    return first, second


def _eye(points: NDArray[np.float32]) -> Eye:
    x, y = points.mean(0)
    across, down = np.linalg.norm(points[0] - points[3]), np.linalg.norm(points[1] - points[5])
    return Eye(float(x), float(y), float(across) / 2, float(down) / 2)


LINEAR = linear_light(np.arange(256)).astype(np.float32)
_LEVELS = np.arange(4096) / 4095
GAMMA = (255 * np.where(_LEVELS <= 0.0031308, 12.92 * _LEVELS, 1.055 * _LEVELS ** (1 / 2.4) - 0.055)).astype(np.float32)
