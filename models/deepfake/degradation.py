"""What happens to a picture between a camera and a gate: size, blur, noise, light, JPEG.

Applied alike to bona fide and forged pictures, after the forgery: otherwise a network learns the format of the files.
Every degradation is drawn once and can be applied to several pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.deepfake.crops import Grey

SCALE = (0.45, 1.0)
BLUR = (0.3, 1.4)
NOISE = (0.5, 6.0)
QUALITY = (35, 96)
LIGHT = 0.25  # most that brightness and contrast change, as a share
HOW_OFTEN = 0.5


@dataclass(frozen=True, slots=True)
class Degradation:
    """Arguments:
    scale: the picture is made this much smaller and large again; 1 for not.
    blur: sigma in pixels; 0 for none.
    noise: standard deviation of grey levels.
    quality: of JPEG, 0 to 100.
    contrast, brightness: grey = 128 + contrast * (grey - 128) + brightness.
    """

    scale: float
    blur: float
    noise: float
    quality: int
    contrast: float
    brightness: float

    def apply(self, picture: Grey, draw: np.random.Generator) -> Grey:
        """The degraded picture, of the same size."""
        height, width = picture.shape[:2]
        found = cv2.convertScaleAbs(picture, alpha=self.contrast, beta=128 * (1 - self.contrast) + self.brightness)
        if self.scale < 1.0:
            small = max(8, round(width * self.scale)), max(8, round(height * self.scale))
            found = cv2.resize(cv2.resize(found, small, interpolation=cv2.INTER_AREA), (width, height))
        if self.blur > 0.0:
            found = cv2.GaussianBlur(found, (0, 0), self.blur)
        if self.noise > 0.0:
            found = noisy(found.astype(np.uint8, copy=False), self.noise, draw)
        return recompressed(found.astype(np.uint8, copy=False), self.quality)


def drawn_degradation(draw: np.random.Generator, severity: float = 1.0) -> Degradation:
    """About half of the pictures suffer from each; JPEG all of them.

    Arguments:
        severity: 1 to train on, harsher than most cameras; less brings everything nearer to an untouched picture.
    """

    def sometimes(value: float, otherwise: float) -> float:
        return value if draw.random() < HOW_OFTEN else otherwise

    return Degradation(
        scale=sometimes(1 - severity * float(1 - draw.uniform(*SCALE)), 1.0),
        blur=sometimes(severity * float(draw.uniform(*BLUR)), 0.0),
        noise=sometimes(severity * float(draw.uniform(*NOISE)), 0.0),
        quality=round(QUALITY[1] - severity * float(QUALITY[1] - draw.uniform(*QUALITY))),
        contrast=float(1 + severity * draw.uniform(-LIGHT, LIGHT)),
        brightness=float(128 * severity * draw.uniform(-LIGHT, LIGHT)),
    )


def noisy(picture: Grey, deviation: float, draw: np.random.Generator) -> Grey:
    """With Gaussian noise of ``deviation`` grey levels."""
    noise = draw.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(picture + deviation * noise, 0, 255).astype(np.uint8)


def recompressed(picture: Grey, quality: int) -> Grey:
    """Through JPEG."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
