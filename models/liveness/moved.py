"""SIMULATED moving pictures of a still: a photograph moved by a hand, bent paper, and a head that turns.

A sheet in front of a pinhole camera maps to its picture by a homography (Hartley and Zisserman, "Multiple View
Geometry", 2004, ch. 8 and 13); bent paper is a cylinder. The turning head is the still warped by the depth of its own
face mesh: it stands in for live heads, of which there are few at hand, and is called simulated wherever it is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

WIDTH, HEIGHT = 640, 480
FOCAL = 1.1 * WIDTH  # pixels, of a usual web camera
FRAMES, RATE = 48, 12.0
LARGEST_TILT = 25.0  # degrees
SHEET_GRID = 20  # points along a bent sheet's side
NOISE_LENGTH = 4 * WIDTH * HEIGHT * 3
MAP_STEP = 8  # pixels between the points where a bent map is computed
BEHIND = 0.6  # of the face's width: the neck's joint, about which a head turns, lies so far behind the eyes


@dataclass(frozen=True, slots=True)
class Movement:
    """Angles (n, 3) in degrees (up and down, sideways, in the plane), shifts (n, 2) in pixels, scales (n,)."""

    angles: NDArray[np.float64]
    shifts: NDArray[np.float64]
    scales: NDArray[np.float64]


def hand_movement(seed: int, *, tilt: float | None = None, frames: int = FRAMES) -> Movement:
    """How a hand moves a sheet: slow swings of random rate about a random pose; ``tilt`` degrees, drawn if not given."""
    draw = np.random.default_rng((seed, 5))
    largest = draw.uniform(0.0, LARGEST_TILT) if tilt is None else tilt
    times = np.arange(frames) / RATE
    swings = np.stack([_swing(times, draw) for _ in range(6)], 1)
    angles = swings[:, :3] * np.array([largest, largest, 8.0]) * draw.uniform(0.4, 1.0, 3)
    return Movement(angles, swings[:, 3:5] * draw.uniform(2, 30), 1 + 0.12 * draw.random() * swings[:, 5])


def flat_frames(stills: Sequence[Picture], movement: Movement, seed: int) -> Iterator[Picture]:
    """Frames of a photograph (one still) or of a screen (one still a frame) that a hand moves."""
    for index in range(len(movement.scales)):
        still = stills[min(index, len(stills) - 1)]
        corners = _sheet_corners(still)
        seen = _seen(np.column_stack([corners, np.zeros(4)]), movement, index)
        height, width = still.shape[:2]
        edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        matrix = cv2.getPerspectiveTransform(edges, seen.astype(np.float32))
        grey = float(60 + seed % 140)  # of the wall behind
        shown = cv2.warpPerspective(still, matrix, (WIDTH, HEIGHT), borderValue=(grey, grey, grey))
        yield sensed(np.asarray(shown, np.uint8), (seed, index))


def bent_frames(still: Picture, movement: Movement, seed: int) -> Iterator[Picture]:
    """Frames of a photograph bent round an upright cylinder of random radius, that a hand moves."""
    height, width = still.shape[:2]
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(0, side, SHEET_GRID) for side in (width, height))))
    left_top, right_bottom = _sheet_corners(still)[[0, 2]]
    across, down = (left_top + np.column_stack([x / width, y / height]) * (right_bottom - left_top)).T
    radius = (right_bottom[0] - left_top[0]) * np.random.default_rng((seed, 6)).uniform(0.35, 1.5)
    sheet = np.column_stack([radius * np.sin(across / radius), down, radius * (1 - np.cos(across / radius))])
    for index in range(len(movement.scales)):
        seen = _seen(sheet, movement, index)
        yield sensed(_bent(still, np.column_stack([x, y]), seen), (seed, index))


def head_frames(scene: Picture, mesh: NDArray[np.float32], movement: Movement, seed: int) -> Iterator[Picture]:
    """Frames of a head that turns: ``scene`` (HEIGHT, WIDTH, 3) warped by its ``mesh`` (478, 3), which has depth."""
    points = mesh.astype(np.float64)
    middle = points.mean(0) + np.array([0, 0, BEHIND * np.ptp(points[:, 0])])
    border = np.array(
        [(x, y) for x in (0, WIDTH // 2, WIDTH) for y in (0, HEIGHT // 2, HEIGHT) if (x, y) != (320, 240)]
    )
    source = np.vstack([points[:, :2], border])
    for index in range(len(movement.scales)):
        turned = (points - middle) @ _rotation(movement.angles[index]).T + middle
        depth = FOCAL / (FOCAL + turned[:, 2] - points[:, 2].mean())
        seen = (turned[:, :2] - (WIDTH / 2, HEIGHT / 2)) * depth[:, None] * movement.scales[index]
        seen += np.array([WIDTH / 2, HEIGHT / 2]) + movement.shifts[index] / 3
        yield sensed(_bent(scene, source, np.vstack([seen, border])), (seed, index))


def sensed(picture: Picture, seed: tuple[int, ...]) -> Picture:
    """A frame as a camera sends it: noise, then JPEG."""
    draw = np.random.default_rng(seed)
    strength, quality = np.random.default_rng((seed[0], 7)).uniform(0.5, 3.0), int(80 + seed[0] % 16)
    start = draw.integers(0, NOISE_LENGTH - picture.size)
    noise = _noise()[start : start + picture.size].reshape(picture.shape)
    noisy = np.clip(picture + strength * noise, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


@cache
def _noise() -> NDArray[np.float32]:
    """(NOISE_LENGTH,) of unit strength; frames take stretches of it, which is far faster than drawing each anew."""
    return np.random.default_rng(8).standard_normal(NOISE_LENGTH, np.float32)


def _swing(times: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    """(n,) within [-1, 1]: two sines of 0.15 to 0.8 Hz."""
    first, second = (np.sin(2 * np.pi * draw.uniform(0.15, 0.8) * times + draw.uniform(0, 6.3)) for _ in range(2))
    return 0.7 * first + 0.3 * second


def _sheet_corners(still: Picture) -> Points:
    """(4, 2) from the left top clockwise, pixels about the middle, as large as fits the camera's picture."""
    height, width = still.shape[:2]
    fit = min(WIDTH / width, HEIGHT / height) / 2
    x, y = fit * width, fit * height
    return np.array([[-x, -y], [x, -y], [x, y], [-x, y]])


def _seen(points: Points, movement: Movement, index: int) -> Points:
    """Pixels of points (n, 3) about the camera's axis, turned, moved, and seen from FOCAL away."""
    turned = points @ _rotation(movement.angles[index]).T
    scale = movement.scales[index] * FOCAL / (FOCAL + turned[:, 2])
    return turned[:, :2] * scale[:, None] + movement.shifts[index] + [WIDTH / 2, HEIGHT / 2]


def _rotation(degrees: NDArray[np.float64]) -> Points:
    (a, b, c), identity = np.deg2rad(degrees), np.eye(3)
    up, side, plane = identity.copy(), identity.copy(), identity.copy()
    up[1:, 1:] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    side[::2, ::2] = [[np.cos(b), np.sin(b)], [-np.sin(b), np.cos(b)]]
    plane[:2, :2] = [[np.cos(c), -np.sin(c)], [np.sin(c), np.cos(c)]]
    return plane @ up @ side


def _bent(still: Picture, source: Points, seen: Points) -> Picture:
    """The still with each point of ``source`` moved to where it is ``seen``, linear in between."""
    rows, columns = np.mgrid[0 : HEIGHT + 1 : MAP_STEP, 0 : WIDTH + 1 : MAP_STEP]
    found = LinearNDInterpolator(seen, source, fill_value=-1.0)(columns, rows).astype(np.float32)
    full = cv2.resize(found, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    shown = cv2.remap(still, full[:, :, 0], full[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(shown, np.uint8)
