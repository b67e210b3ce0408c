"""The context of a sample, 218 values: eGeMAPS and prosody of a voice, action units, pose and gaze of a face.

eGeMAPS (Eyben et al., IEEE Transactions on Affective Computing, 2016) is openSMILE's, whose licence allows research
only: where it is not installed its 88 values are not measured, NaN.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from models.data.face_context import face_context
from models.data.features import EGEMAPS, FACE_CONTEXT
from models.data.prosody import prosody
from worker.engines.types import SAMPLE_RATE, DetectedFace, Image, LandmarkEngine, Vector, Waveform


class ContextEngine:
    def __init__(self, landmarks: LandmarkEngine) -> None:
        self._landmarks = landmarks
        self._egemaps = _egemaps()

    @property
    def measures_egemaps(self) -> bool:
        """Whether openSMILE is installed."""
        return self._egemaps is not None

    def voice(self, voice: Waveform, segments: list[tuple[float, float]]) -> Vector:
        """(191,): eGeMAPS of the whole recording, then prosody, for which pauses between ``segments`` count."""
        functionals = np.full(EGEMAPS, np.nan, np.float32)
        if self._egemaps is not None:
            functionals[:] = self._egemaps.process_signal(voice, SAMPLE_RATE).to_numpy(np.float32)[0]
            functionals[~np.isfinite(functionals)] = np.nan
        return np.concatenate([functionals, prosody(voice, segments)])

    def face(self, image: Image, face: DetectedFace) -> Vector:
        """(27,), NaN where the mesh does not hold on to the face."""
        mesh = self._landmarks.mesh(image, face)
        if mesh is None:
            return np.full(FACE_CONTEXT, np.nan, np.float32)
        return face_context(mesh, image.shape[1], image.shape[0])


def egemaps_names() -> tuple[str, ...]:
    """The 88 names that openSMILE gives, in order.

    Raises:
        ModuleNotFoundError: openSMILE is not installed.
    """
    import opensmile

    return tuple(_smile(opensmile).feature_names)


def _egemaps() -> Any | None:
    if importlib.util.find_spec("opensmile") is None:
        return None
    import opensmile

    return _smile(opensmile)


def _smile(opensmile: Any) -> Any:
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
    )
