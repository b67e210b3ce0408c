"""Face embeddings: dlib's ResNet, and networks that take a 112x112 face aligned by five points."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.sessions import SessionOptions, open_session
from worker.engines.types import DetectedFace, Image, ModelCard, Vector

# Where the two eyes, the nose tip and the corners of the mouth belong in a 112x112 face (ArcFace, Deng et al. 2019).
ALIGNED_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
ALIGNED_SIZE = 112
DLIB_SIZE = 150
DLIB_PADDING = 0.25
# dlib's landmarks were trained on boxes of its own detector, which reach higher up: with MediaPipe's box raised by this
# share of its height the EER on LFW fell from 2.7 to 1.4 % (110 people).
DLIB_BOX_RAISED = 0.08


class DlibEmbedder:
    """dlib's ResNet-29 (King, 2017), 128-D, on its own alignment."""

    def __init__(self, weights: Path, landmarks: Path, card: ModelCard) -> None:
        import _dlib_pybind11 as dlib  # what dlib-bin carries; its `dlib` package looks for CUDA first

        self.card = card
        self._dlib = dlib
        self._points = dlib.shape_predictor(str(landmarks))
        self._network = dlib.face_recognition_model_v1(str(weights))
        self._lock = threading.Lock()  # dlib keeps activations in the network object

    def embed(self, image: Image, face: DetectedFace) -> Vector:
        left, top, across, down = face.box
        top -= DLIB_BOX_RAISED * down
        box = self._dlib.rectangle(int(left), int(top), int(left + across), int(top + down))
        with self._lock:
            shape = self._points(np.ascontiguousarray(image), box)
            chip = self._dlib.get_face_chip(image, shape, DLIB_SIZE, DLIB_PADDING)
            return _unit(np.array(self._network.compute_face_descriptor(chip), np.float32))


class AlignedEmbedder:
    """A network in ONNX that takes an aligned face (1, 3, 112, 112), scaled as ``(x - mean) / scale``.

    EdgeFace (George et al., 2023) and ArcFace (Deng et al., CVPR 2019) take RGB with 127.5 and 127.5.
    """

    def __init__(self, weights: Path, card: ModelCard, options: SessionOptions) -> None:
        self.card = card
        self._session = open_session(weights, options)
        self._input = self._session.get_inputs()[0].name

    def embed(self, image: Image, face: DetectedFace) -> Vector:
        chip = aligned(image, face.points)
        blob = cv2.dnn.blobFromImage(chip, 1 / 127.5, chip.shape[:2], (127.5, 127.5, 127.5))
        return _unit(self._session.run(None, {self._input: blob})[0][0])


class SFaceEmbedder:
    """SFace (Zhong et al., 2021) through OpenCV, 128-D."""

    def __init__(self, weights: Path, card: ModelCard) -> None:
        self.card = card
        self._network = cv2.FaceRecognizerSF.create(str(weights), "")
        self._lock = threading.Lock()

    def embed(self, image: Image, face: DetectedFace) -> Vector:
        chip = cv2.cvtColor(aligned(image, face.points), cv2.COLOR_RGB2BGR)
        with self._lock:
            return _unit(self._network.feature(chip)[0].copy())


def aligned(image: Image, points: NDArray[np.float32]) -> Image:
    """The face (112, 112, 3) turned and scaled so that its ``points`` (5, 2) fall on ``ALIGNED_POINTS``.

    The similarity transform is Umeyama's least-squares solution (1991), written out for two dimensions.
    """
    source, target = points.astype(np.float64), ALIGNED_POINTS.astype(np.float64)
    source_mean, target_mean = source.mean(0), target.mean(0)
    from_, to = source - source_mean, target - target_mean
    spread = (from_**2).sum()
    cosine = (from_ * to).sum() / spread
    sine = (from_[:, 0] * to[:, 1] - from_[:, 1] * to[:, 0]).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    matrix = np.hstack([turn, (target_mean - turn @ source_mean)[:, None]])
    return cv2.warpAffine(image, matrix, (ALIGNED_SIZE, ALIGNED_SIZE), borderValue=0.0).astype(np.uint8, copy=False)


def _unit(vector: NDArray[np.float32]) -> Vector:
    """Scaled to unit norm.

    Raises:
        ValueError: the network gave no direction (zeros or not numbers); such an embedding must match nobody.
    """
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm < 1e-6:
        raise ValueError("the network returned no usable embedding")
    return (vector / norm).astype(np.float32)
