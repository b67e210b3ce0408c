"""What the system sees in one camera frame, for the hints beside the live picture."""

from __future__ import annotations

from dataclasses import dataclass

from worker.cascade.quality import face_quality
from worker.cascade.types import Reason
from worker.engines.types import Engines, Image


@dataclass(frozen=True, slots=True)
class FrameDescription:
    """``box`` is (left, top, width, height) of the largest face as shares of the picture's sides."""

    faces: int
    box: tuple[float, float, float, float] | None
    reasons: tuple[Reason, ...]


def describe(image: Image, engines: Engines) -> FrameDescription:
    faces = engines.detector.detect(image)
    if not faces:
        return FrameDescription(0, None, (Reason.NO_FACE,))
    height, width = image.shape[:2]
    left, top, across, down = faces[0].box
    box = (left / width, top / height, across / width, down / height)
    reasons = (Reason.SEVERAL_FACES,) if len(faces) > 1 else face_quality(image, faces[0]).reasons
    return FrameDescription(len(faces), box, reasons)
