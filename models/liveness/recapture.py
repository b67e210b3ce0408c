"""SIMULATED re-capture attacks: a picture of a person as it would look from paper or from a screen.

No printer, screen or second camera was here. What is known of them is put on the picture one after the other: a print
has dots, few colours and a soft, grainy paper; a screen has a grid that the camera's own grid beats with, a gamma, a
blue white and glare. Halftone by clustered dots after Ulichney, "Digital halftoning", MIT Press 1987; screens after
Patel, Han and Jain, "Secure face unlock: spoof detection on smartphones", IEEE TIFS 2016. Every parameter is drawn at
random, and the camera that looks at the attack looks at the bona fide picture in the same way.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Plane = NDArray[np.float32]

FINE = 3  # dots and screen pixels are drawn on a grid so many times finer than the camera's
INK_ANGLES = (15.0, 75.0, 45.0)  # degrees, of cyan, magenta and yellow, as printers turn them against each other
STRIPES = (-1 / 3, 0.0, 1 / 3)  # where red, green and blue lie in a screen's pixel
AS_IS = 0.5  # share of pictures to which the camera adds no blur and no noise of its own


def printed(picture: Picture, seed: int) -> Picture:
    """A simulated print of a picture (height, width, 3), RGB, before the camera. Halftone, gamut, blur, paper."""
    draw = np.random.default_rng((seed, 1))
    light = _fine(picture)
    dots = draw.uniform(0.0, 0.6)
    pitch = draw.uniform(1.2, 3.0) * FINE
    for channel, angle in enumerate(INK_ANGLES):
        level = light[:, :, channel]
        ink = (level > _dot_screen(level.shape, pitch, angle + draw.uniform(-5, 5))).astype(np.float32)
        light[:, :, channel] = (1 - dots) * level + dots * ink
    light = _blurred(light, FINE * draw.uniform(0.5, 1.6))
    light = _coarse(light, picture.shape)
    light = _less_saturated(light, draw.uniform(0.5, 1.0))
    black, white = draw.uniform(0.03, 0.18), draw.uniform(0.75, 0.98)
    tint = draw.uniform(0.92, 1.0, 3).astype(np.float32)
    light = (black + (white - black) * light ** draw.uniform(0.8, 1.3)) * tint
    return _bytes(light * _paper(light.shape[:2], draw)[:, :, None])


def on_screen(picture: Picture, seed: int) -> Picture:
    """A simulated screen showing a picture (height, width, 3), RGB, before the camera. Grid, gamma, blue, glare."""
    draw = np.random.default_rng((seed, 2))
    light = _fine(np.asarray(cv2.GaussianBlur(picture, (0, 0), draw.uniform(0.3, 0.9)), np.uint8))
    pitch = draw.uniform(0.7, 2.5) * FINE
    light *= _pixel_grid(light.shape[:2], pitch, draw)
    light = _blurred(light, FINE * draw.uniform(0.2, 0.6))
    light = _coarse(light, picture.shape)
    light = np.clip(light / max(float(np.percentile(light, 99.5)), 1e-3), 0, 1) * draw.uniform(0.8, 1.05)
    light = np.clip(light, 0, 1) ** draw.uniform(0.75, 1.3)
    light *= np.array([draw.uniform(0.82, 1.0), draw.uniform(0.92, 1.0), draw.uniform(1.0, 1.12)], np.float32)
    return _bytes(light + draw.uniform(0, 0.08) + _glare(light.shape[:2], draw)[:, :, None])


def photographed(picture: Picture, seed: int) -> Picture:
    """What a camera gives for a scene (height, width, 3), RGB: blur, exposure, noise, JPEG. For bona fide pictures and
    attacks alike."""
    draw = np.random.default_rng((seed, 3))
    as_is = draw.random() < AS_IS
    light = picture.astype(np.float32)
    light *= draw.uniform(0.85, 1.15) * draw.uniform(0.95, 1.05, 3).astype(np.float32)
    if not as_is:
        light = _blurred(light, draw.uniform(0.3, 0.9))
        light += draw.normal(0, draw.uniform(0.5, 4.0), light.shape).astype(np.float32)
    quality = int(draw.integers(80, 97))
    pixels = np.clip(light, 0, 255).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", pixels[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def _blurred(light: Plane, deviation: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(light, (0, 0), deviation), np.float32)


def _fine(picture: Picture) -> Plane:
    large = cv2.resize(picture, None, fx=FINE, fy=FINE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


def _coarse(light: Plane, shape: tuple[int, ...]) -> Plane:
    return np.asarray(cv2.resize(light, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def _dot_screen(shape: tuple[int, ...], pitch: float, angle: float) -> Plane:
    """Thresholds in [0, 1] of clustered dots, so many fine pixels apart, turned by degrees."""
    return 0.5 + 0.25 * (_wave(shape, pitch, angle) + _wave(shape, pitch, angle + 90))


def _pixel_grid(shape: tuple[int, ...], pitch: float, draw: np.random.Generator) -> Plane:
    """(height, width, 3) light let through by coloured stripes in rows of pixels."""
    angle = draw.uniform(-4, 4)
    depth, stripe_depth = draw.uniform(0.1, 0.5), draw.uniform(0.1, 0.6)
    rows = 1 - depth * (0.5 + 0.5 * _wave(shape, pitch, angle + 90))
    stripes = [1 - stripe_depth * (0.5 - 0.5 * _wave(shape, pitch, angle, place)) for place in STRIPES]
    return rows[:, :, None] * np.stack(stripes, 2)


def _wave(shape: tuple[int, ...], pitch: float, angle: float, place: float = 0.0) -> Plane:
    """A cosine whose crests lie ``pitch`` apart, moved by ``place`` of that; its direction turned by degrees."""
    turn, rate = np.deg2rad(angle), 2 * np.pi / pitch
    right = rate * np.cos(turn) * np.arange(shape[1]) + 2 * np.pi * place
    down = rate * np.sin(turn) * np.arange(shape[0])
    wave = np.outer(np.cos(down), np.cos(right)) - np.outer(np.sin(down), np.sin(right))
    return np.asarray(wave, np.float32)


def _less_saturated(light: Plane, kept: float) -> Plane:
    grey = light.mean(2, keepdims=True)
    return np.clip(grey + kept * (light - grey), 0, 1)


def _paper(shape: tuple[int, ...], draw: np.random.Generator) -> Plane:
    """Brightness of a sheet's fibres about 1."""
    grain = _blurred(draw.normal(0, 1, shape).astype(np.float32), draw.uniform(0.7, 2.0))
    return 1 + draw.uniform(0.0, 0.03) * grain / max(float(grain.std()), 1e-6)


def _glare(shape: tuple[int, ...], draw: np.random.Generator) -> Plane:
    """A lamp's broad reflection, or none, in shares of full white."""
    height, width = shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down = (rows - draw.uniform(0, height)) / (draw.uniform(0.1, 0.5) * height)
    along = (columns - draw.uniform(0, width)) / (draw.uniform(0.1, 0.5) * width)
    return (draw.uniform(0, 0.35) * (draw.random() < 0.6) * np.exp(-(down**2) - along**2)).astype(np.float32)


def _bytes(light: Plane) -> Picture:
    return np.clip(light * 255, 0, 255).astype(np.uint8)
