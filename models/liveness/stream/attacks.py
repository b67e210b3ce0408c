"""Injected streams made from a genuine clip, to measure what tells them from a camera.

An attack says which moment of the clip a virtual camera shows at which moment, and what is done to each picture so
that no two are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 3)
Seconds = NDArray[np.float64]
Draw = np.random.Generator

PERIOD = 1.03  # seconds of a loop: no whole number of frames
GAUSSIAN, STRONG = 2.0, 8.0  # grey levels of noise that an attacker adds
SHOT, READ = 0.02, 1.0  # noise variance of a camera: so much a grey level, and so much in the dark
FLICKER = 0.02
FEW_STILLS = 5
LIVE_SHARE = 0.4
QUALITIES = (70, 96)


@dataclass(frozen=True, slots=True)
class Attack:
    """``when`` (times of the capture) -> moments of the clip; ``touch`` changes one picture."""

    when: Callable[[Seconds, Draw], Seconds]
    touch: Callable[[Picture, Draw], Picture]


def recoded(picture: Picture, quality: int) -> Picture:
    """The picture after one more JPEG."""
    packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def camera_noise(picture: Picture, draw: Draw) -> Picture:
    """Noise as a sensor has it: its variance grows with the light."""
    noise = draw.standard_normal(picture.shape, dtype=np.float32)
    return _rounded(picture + noise * np.sqrt(SHOT * picture.astype(np.float32) + READ))


def noisy(sigma: float) -> Callable[[Picture, Draw], Picture]:
    """Gaussian noise of one strength everywhere, and a JPEG of any quality."""

    def touch(picture: Picture, draw: Draw) -> Picture:
        noise = draw.standard_normal(picture.shape, dtype=np.float32)
        return recoded(_rounded(picture + np.float32(sigma) * noise), int(draw.integers(*QUALITIES)))

    return touch


def untouched(picture: Picture, draw: Draw) -> Picture:
    return picture


def any_quality(picture: Picture, draw: Draw) -> Picture:
    return recoded(picture, int(draw.integers(*QUALITIES)))


def flickering(picture: Picture, draw: Draw) -> Picture:
    """Noise, and light that goes up and down."""
    return noisy(GAUSSIAN)(_rounded(picture * (1 + FLICKER * draw.standard_normal())), draw)


def stands_still(times: Seconds, draw: Draw) -> Seconds:
    return np.zeros_like(times)


def stops(times: Seconds, draw: Draw) -> Seconds:
    """Live at first, then the last picture stays."""
    return np.minimum(times, LIVE_SHARE * times[-1])


def repeats(times: Seconds, draw: Draw) -> Seconds:
    return times % PERIOD


def goes_to_and_fro(times: Seconds, draw: Draw) -> Seconds:
    return PERIOD - np.abs(times % (2 * PERIOD) - PERIOD)


def jumps(times: Seconds, draw: Draw) -> Seconds:
    """A handful of pictures in any order."""
    return draw.choice(np.linspace(0, times[-1], FEW_STILLS), len(times))


ATTACKS: dict[str, Attack] = {
    "frozen": Attack(stands_still, untouched),
    "frozen_recoded": Attack(stands_still, any_quality),
    "mostly_frozen": Attack(stops, untouched),
    "mostly_frozen_noise": Attack(stops, noisy(GAUSSIAN)),
    "still_noise": Attack(stands_still, noisy(GAUSSIAN)),
    "still_strong_noise": Attack(stands_still, noisy(STRONG)),
    "still_camera_noise": Attack(stands_still, camera_noise),
    "still_flicker": Attack(stands_still, flickering),
    "loop": Attack(repeats, untouched),
    "loop_noise": Attack(repeats, noisy(GAUSSIAN)),
    "loop_strong_noise": Attack(repeats, noisy(STRONG)),
    "ping_pong": Attack(goes_to_and_fro, untouched),
    "ping_pong_noise": Attack(goes_to_and_fro, noisy(GAUSSIAN)),
    "few_stills": Attack(jumps, noisy(GAUSSIAN)),
}


def _rounded(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
