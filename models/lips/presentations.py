"""Attacks on the judgement of lips and voice, made from recordings of people who talk, and captures like a browser's.

Bona fide and attack go through the same capture: about 12 pictures a second at uneven moments, some lost, encoded as
JPEG, with sensor noise; sound with a gain and noise of its own. So no class comes from a source of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluation.pad import BONA_FIDE

Picture = NDArray[np.uint8]  # (height, width, 3), RGB
Frames = Sequence[Picture]

PICTURES = 12.0  # a second
UNEVEN = 0.01  # seconds, standard deviation
LOST = 0.05  # share of pictures
QUALITIES = (65, 90)  # of JPEG
SENSOR_NOISE = (0.5, 2.5)  # grey levels
GAINS = (0.25, 0.9)
SIGNAL_TO_NOISE = (20.0, 35.0)  # dB
CLOCKS = 0.3  # seconds that camera and microphone may be apart
SHIFTS = (0.6, 1.0, 1.5)  # seconds
RATE = 16_000


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording of somebody who talks.

    Arguments:
        frames: RGB, ``fps`` a second from second 0.
        voice: (samples,) 16 kHz, in [-1, 1], from second 0.
        quiet: spans in seconds without speech.
    """

    subject: str
    name: str
    frames: Frames
    fps: float
    voice: NDArray[np.float32]
    quiet: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """What a camera and a microphone took: pictures at ``times`` (seconds) and a voice from second 0."""

    instrument: str
    subject: str
    frames: Frames
    times: NDArray[np.float64]
    voice: NDArray[np.float32]


def presentations(clip: Clip, others: Sequence[Clip], times: int, rng: np.random.Generator) -> Iterator[Presentation]:
    """Bona fide presentations of a clip and attacks with it.

    Arguments:
        others: recordings whose voices are played over this one's pictures.
        times: how many captures of each kind; three times as many are bona fide.
    """
    for _ in range(3 * times):
        yield captured(BONA_FIDE, clip, rng)
    for _ in range(times):
        yield captured("frozen_face", replace(clip, frames=frozen(clip, rng)), rng)
        yield captured("moved_photograph", replace(clip, frames=moved_by_hand(clip, rng)), rng)
        yield captured("silent_face", replace(clip, frames=idle(clip)), rng)
        for seconds in SHIFTS:
            late = replace(clip, voice=_rolled(clip.voice, seconds * rng.choice([-1, 1])))
            yield captured(f"shifted_{seconds}", late, rng, clocks=0.0)
    for other in others:
        yield captured("other_voice", replace(clip, voice=other.voice), rng)


def captured(instrument: str, clip: Clip, rng: np.random.Generator, clocks: float = CLOCKS) -> Presentation:
    """``clip`` as a browser would take it, the clocks up to ``clocks`` seconds apart."""
    length = len(clip.frames) / clip.fps
    at = np.arange(rng.uniform(0, 1 / PICTURES), length, 1 / PICTURES)
    at = np.sort(np.clip(at + rng.normal(0, UNEVEN, len(at)), 0, length - 1e-3))
    at = np.unique(at[rng.random(len(at)) > LOST])
    quality, noise = int(rng.integers(*QUALITIES)), rng.uniform(*SENSOR_NOISE)
    frames = [_taken(clip.frames[int(moment * clip.fps)], quality, noise, rng) for moment in at]
    voice = _rolled(clip.voice, rng.uniform(-clocks, clocks)) * rng.uniform(*GAINS)
    level = float(np.sqrt(np.mean(voice**2))) / 10 ** (rng.uniform(*SIGNAL_TO_NOISE) / 20)
    voice = np.clip(voice + rng.normal(0, level, len(voice)), -1, 1).astype(np.float32)
    return Presentation(instrument, clip.subject, frames, at, voice)


def frozen(clip: Clip, rng: np.random.Generator) -> Frames:
    """One picture, again and again."""
    return [clip.frames[int(rng.integers(len(clip.frames)))]] * len(clip.frames)


def moved_by_hand(clip: Clip, rng: np.random.Generator) -> Frames:
    """A photograph that somebody shifts, turns and tilts before the camera: one picture through smooth homographies."""
    picture = clip.frames[int(rng.integers(len(clip.frames)))]
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moments = np.arange(len(clip.frames)) / clip.fps
    strength = rng.uniform(0.01, 0.05)
    whole, each = _wandering(moments, (1, 2), rng), 0.4 * _wandering(moments, (4, 2), rng)
    moves = (strength * min(width, height) * (whole + each)).astype(np.float32)
    found: list[Picture] = []
    for move in moves:
        homography = cv2.getPerspectiveTransform(corners, corners + move)
        warped = cv2.warpPerspective(picture, homography, (width, height), borderMode=cv2.BORDER_REPLICATE)
        found.append(warped.astype(np.uint8, copy=False))
    return found


def idle(clip: Clip) -> Frames:
    """A face that does not speak: the longest quiet stretch of the clip, forwards and backwards."""
    start, end = max(clip.quiet, key=lambda span: span[1] - span[0])
    first, last = int(start * clip.fps), max(int(start * clip.fps) + 2, int(end * clip.fps))
    quiet = list(clip.frames[first:last])
    there_and_back = quiet + quiet[-2:0:-1]
    return [there_and_back[index % len(there_and_back)] for index in range(len(clip.frames))]


def _wandering(moments: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """(moments, *shape) smooth movements of unit size, from hand sway to shaking."""
    total = np.zeros((len(moments), *shape))
    for _ in range(3):
        total += np.sin(2 * np.pi * (moments[:, None, None] * rng.uniform(0.2, 3.0, shape) + rng.uniform(0, 1, shape)))
    return total / np.sqrt(1.5)


def _taken(picture: Picture, quality: int, noise: float, rng: np.random.Generator) -> Picture:
    noisy = np.clip(picture + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _rolled(voice: NDArray[np.float32], seconds: float) -> NDArray[np.float32]:
    """The voice later by so many seconds; what leaves at one end comes in at the other, so that no silence is made."""
    return np.roll(voice, round(seconds * RATE))
