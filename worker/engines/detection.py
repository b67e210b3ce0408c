"""Finding faces: MediaPipe's detector, SCRFD by insightface, YuNet by OpenCV."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import DetectedFace, Image

SCORE_NEEDED = 0.5
SCRFD_SIZE = (320, 320)
YUNET_LONG_SIDE = 640
# MediaPipe gives the centre of the mouth; its corners lie about this share of the eye distance beside it.
MOUTH_HALF_WIDTH = 0.40


class MediaPipeDetector:
    """BlazeFace (Bazarevsky et al., 2019), the model for faces near the camera."""

    def __init__(self) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        self._near = FaceDetection(model_selection=0, min_detection_confidence=SCORE_NEEDED)
        self._far = FaceDetection(model_selection=1, min_detection_confidence=SCORE_NEEDED)
        self._lock = threading.Lock()  # a MediaPipe graph takes one caller at a time

    def detect(self, image: Image) -> list[DetectedFace]:
        with self._lock:
            found = self._near.process(image).detections or self._far.process(image).detections or []
        height, width = image.shape[:2]
        return _largest_first([_from_mediapipe(one, width, height) for one in found])


class ScrfdDetector:
    """SCRFD (Guo et al., ICLR 2022) through the insightface library."""

    def __init__(self, weights: Path, options: SessionOptions) -> None:
        from insightface.model_zoo.scrfd import SCRFD

        self._network = SCRFD(model_file=str(weights), session=open_session(weights, options))
        self._network.prepare(0, input_size=SCRFD_SIZE, det_thresh=SCORE_NEEDED)
        self._lock = threading.Lock()  # the library keeps anchors in a dictionary of its own

    def detect(self, image: Image) -> list[DetectedFace]:
        with self._lock:
            boxes, points = self._network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        faces = []
        for (left, top, right, bottom, score), five in zip(boxes, points, strict=True):
            box = (float(left), float(top), float(right - left), float(bottom - top))
            faces.append(DetectedFace(box=box, points=five.astype(np.float32), score=float(score)))
        return _largest_first(faces)


class YuNetDetector:
    """YuNet (Wu et al., 2023) through OpenCV."""

    def __init__(self, weights: Path) -> None:
        self._network = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), SCORE_NEEDED + 0.2)
        self._lock = threading.Lock()  # the input size is part of its state

    def detect(self, image: Image) -> list[DetectedFace]:
        height, width = image.shape[:2]
        scale = min(1.0, YUNET_LONG_SIDE / max(height, width))
        small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))))
        with self._lock:
            self._network.setInputSize((small.shape[1], small.shape[0]))
            _, rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        faces = []
        for row in rows if rows is not None else []:
            values = row[:14] / scale
            left, top, across, down = (float(value) for value in values[:4])
            box = (left, top, across, down)
            faces.append(
                DetectedFace(box=box, points=values[4:].reshape(5, 2).astype(np.float32), score=float(row[14]))
            )
        return _largest_first(faces)


def _from_mediapipe(found: object, width: int, height: int) -> DetectedFace:
    area = found.location_data.relative_bounding_box  # type: ignore[attr-defined]
    keypoints = found.location_data.relative_keypoints  # type: ignore[attr-defined]
    # The person's right eye lies on the left of the picture.
    first, second, nose, mouth = (np.array([point.x * width, point.y * height]) for point in keypoints[:4])
    sideways = (second - first) * MOUTH_HALF_WIDTH
    points = np.stack([first, second, nose, mouth - sideways, mouth + sideways]).astype(np.float32)
    box = (area.xmin * width, area.ymin * height, area.width * width, area.height * height)
    return DetectedFace(box=box, points=points, score=float(found.score[0]))  # type: ignore[attr-defined]


def _largest_first(faces: list[DetectedFace]) -> list[DetectedFace]:
    return sorted(faces, key=lambda face: face.box[2] * face.box[3], reverse=True)
