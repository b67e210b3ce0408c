"""A made-up face: a textured oval with landmarks, enough for blending, warping and cues."""

from __future__ import annotations

import cv2
import numpy as np

from models.deepfake.faces import Face

SIDE = 200


def made_face(seed: int = 0, *, subject: str = "made/ada", dataset: str = "made") -> Face:
    """(SIDE, SIDE) brightness; the hull of its 60 landmarks is an oval in the middle, its square 100 pixels wide."""
    draw = np.random.default_rng(seed)
    ground = cv2.GaussianBlur(draw.normal(110, 60, (SIDE, SIDE)).astype(np.float32), (0, 0), 6)
    fine = cv2.GaussianBlur(draw.normal(0, 14, (SIDE, SIDE)).astype(np.float32), (0, 0), 0.7)
    picture = np.clip(ground + fine, 0, 255).astype(np.uint8)
    middle = SIDE / 2
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rim = np.stack([middle + 42 * np.cos(angle), middle + 52 * np.sin(angle)], axis=1)
    inner = middle + draw.uniform(-25, 25, (20, 2))
    points = np.concatenate([rim, inner]).astype(np.float32)
    return Face(picture, points, (middle - 50, middle - 50, 100.0, 100.0), subject, dataset)
