"""A made-up mouth that opens and closes with syllables, and a voice that is loud when it is open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.lips.opening import LIP_CORNERS, LOWER, UPPER

POINTS = 478
RATE = 16_000
SECONDS = 4.0
SPEECH = [(0.7, 3.3)]
WIDTH = 40.0  # pixels of the mouth


def mouth(at: NDArray[np.float64], seed: int = 0) -> NDArray[np.float64]:
    """Opening at moments in seconds: uneven syllables while there is speech, closed before and after."""
    rng = np.random.default_rng(seed)
    found = np.zeros(len(at))
    start, end = SPEECH[0]
    moment = start
    while moment < end:
        length, size = rng.uniform(0.18, 0.45), rng.uniform(0.15, 0.45)
        inside = (at >= moment) & (at < min(moment + length, end))
        found[inside] = size * np.sin(np.pi * (at[inside] - moment) / length) ** 2
        moment += length + rng.uniform(0.0, 0.12)
    return found


def voice(seed: int = 0, late: float = 0.0) -> NDArray[np.float32]:
    """Noise as loud as ``mouth`` is open, so many seconds late."""
    rng = np.random.default_rng(seed + 100)
    at = np.arange(round(SECONDS * RATE)) / RATE
    return (rng.normal(0, 0.5, len(at)) * mouth(at - late, seed) + rng.normal(0, 1e-3, len(at))).astype(np.float32)


def spoken(late: float = 0.0) -> list[tuple[float, float]]:
    return [(start + late, end + late) for start, end in SPEECH]


def picture_times(seed: int = 0) -> NDArray[np.float64]:
    """About 12 pictures a second."""
    return np.sort(np.arange(0.0, SECONDS, 1 / 12) + np.random.default_rng(seed).uniform(0, 0.02, 48))


def meshes(
    openings: NDArray[np.float64], *, noise: float = 0.05, sway: float = 1.0, seed: int = 0
) -> list[NDArray[np.float32]]:
    """Faces that hold still but for a sway and landmark noise, both in pixels, with the inner lips so far open."""
    rng = np.random.default_rng(seed)
    face = rng.uniform(-60, 60, (POINTS, 3))
    face[LIP_CORNERS[0], :2], face[LIP_CORNERS[1], :2] = (-WIDTH / 2, 30), (WIDTH / 2, 30)
    found = []
    for index, opening in enumerate(openings):
        now = face.copy()
        for across, (upper, lower) in zip((-8.0, 0.0, 8.0), zip(UPPER, LOWER, strict=True), strict=True):
            now[upper, :2], now[lower, :2] = (across, 30 - opening * WIDTH / 2), (across, 30 + opening * WIDTH / 2)
        now[:, :2] += sway * np.array([np.sin(index / 5), np.cos(index / 7)]) + rng.normal(0, noise, (POINTS, 2))
        found.append((now + np.array([320.0, 240.0, 0.0])).astype(np.float32))
    return found
