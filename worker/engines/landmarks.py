"""Face landmarks by MediaPipe's face mesh with irises (Kartynnik et al., 2019; Grishchenko et al., 2020)."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from worker.engines.types import DetectedFace, Image, Mesh

CROP_SIDES = 2.0  # of the face's box: the mesh's own detector needs some surroundings
LONGEST_SIDE = 480  # the mesh sees 192 pixels of the face; more only costs time


class MediaPipeMesh:
    def __init__(self) -> None:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        self._graph = FaceMesh(static_image_mode=True, refine_landmarks=True, max_num_faces=1)
        self._lock = threading.Lock()  # a MediaPipe graph takes one caller at a time

    def mesh(self, image: Image, face: DetectedFace | None = None) -> Mesh | None:
        left, top, right, bottom = _area(image, face)
        crop = image[top:bottom, left:right]
        if min(crop.shape[:2]) < 2:
            return None
        scale = min(1.0, LONGEST_SIDE / max(crop.shape[:2]))
        if scale < 1.0:
            crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        with self._lock:
            found = self._graph.process(np.ascontiguousarray(crop)).multi_face_landmarks
        if not found:
            return None
        width, height = right - left, bottom - top
        points = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark], np.float32)
        points[:, 0] += left
        points[:, 1] += top
        return points


def _area(image: Image, face: DetectedFace | None) -> tuple[int, int, int, int]:
    height, width = image.shape[:2]
    if face is None:
        return 0, 0, width, height
    left, top, across, down = face.box
    half = CROP_SIDES * max(across, down) / 2
    middle_x, middle_y = left + across / 2, top + down / 2
    return (
        max(0, int(middle_x - half)),
        max(0, int(middle_y - half)),
        min(width, int(middle_x + half)),
        min(height, int(middle_y + half)),
    )
