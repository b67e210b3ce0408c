"""What engines take and give. Protocols and plain data only: importing this loads no library but numpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from models.evaluation.record import CalibrationRecord, Method, ScoreMap

if TYPE_CHECKING:
    from models.gates import GateCard
    from worker.engines.digits import DigitRecogniser
    from worker.engines.face_pad import FlatnessGate, PictureGate
    from worker.engines.forgery import FaceForgeryGate
    from worker.engines.fusion import FusionEngine
    from worker.engines.lips import LipSyncGate
    from worker.engines.vit_pad import VitPad
    from worker.engines.voice_spoof import VoiceSpoofGate

Image = NDArray[np.uint8]  # (height, width, 3), RGB
Waveform = NDArray[np.float32]  # (samples,), mono, 16 kHz, in [-1, 1]
Vector = NDArray[np.float32]  # (width,), unit norm
Mesh = NDArray[np.float32]  # (478, 3), MediaPipe face mesh with irises; x, y in pixels, z on the scale of x

SAMPLE_RATE = 16_000


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """A face in a picture.

    Arguments:
        box: (left, top, width, height) in pixels.
        points: (5, 2) pixels: left and right eye, nose tip, left and right mouth corner, as they lie in the picture.
        score: the detector's confidence in [0, 1].
    """

    box: tuple[float, float, float, float]
    points: NDArray[np.float32]
    score: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Cosine to natural-log likelihood ratio.

    Arguments:
        name: says model and data.
        slope, offset: ``llr = slope * cosine + offset``, unless the record says that PAV applies.
        identities, trials: how much stands behind it.
        record: everything that was measured; None for a calibration of COSMIC 1.0, or where there is none.
    """

    name: str
    slope: float
    offset: float
    identities: int
    trials: int
    record: CalibrationRecord | None = None

    @classmethod
    def of(cls, record: CalibrationRecord) -> Calibration:
        counts = record.fitted_on
        return cls(
            record.name,
            record.score_map.slope,
            record.score_map.offset,
            counts.identities,
            counts.genuine + counts.impostor,
            record,
        )

    def llr(self, cosine: float) -> float:
        """Natural-log likelihood ratio of a cosine; finite.

        Raises:
            ValueError: the cosine is not finite, which must match nobody.
        """
        if self.record is not None:
            return self.record.score_map.llr(cosine)
        return ScoreMap(Method.LOGISTIC, self.slope, self.offset).llr(cosine)


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the web side may know of a recognition model; the worker syncs it into ``ModelVersion``."""

    modality: str
    name: str
    pack: str
    sha256: str
    width: int
    licence: str
    calibration: Calibration


class FaceDetector(Protocol):
    def detect(self, image: Image) -> list[DetectedFace]:
        """All faces, largest first; empty when there is none."""


class LandmarkEngine(Protocol):
    def mesh(self, image: Image, face: DetectedFace | None = None) -> Mesh | None:
        """Landmarks of the (given) face, None when the mesh does not hold on to it."""


class FaceEmbedder(Protocol):
    card: ModelCard

    def embed(self, image: Image, face: DetectedFace) -> Vector:
        """Align by the five points and embed."""


class VoiceEmbedder(Protocol):
    card: ModelCard

    def embed(self, voice: Waveform) -> Vector: ...


class SpeechActivity(Protocol):
    def segments(self, voice: Waveform) -> list[tuple[float, float]]:
        """Spans of speech as (start, end) in seconds."""


@dataclass(frozen=True, slots=True)
class GateReading:
    """What a calibrated gate says of a capture, with every cue by name.

    Arguments:
        llr: natural-log likelihood ratio, positive for bona fide; below ``threshold`` the gate refuses.
        cues: what it looked at; cues that it was not calibrated on may be among them, for people to read.
        shares: what each cue that is weighed adds to the ratio.
    """

    gate: str
    llr: float
    threshold: float
    cues: dict[str, float]
    shares: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, card: GateCard, cues: dict[str, float]) -> GateReading:
        """What ``card`` makes of ``cues``.

        Raises:
            ValueError: a cue is missing or no number.
        """
        return cls(card.name, card.llr(cues), card.threshold, cues, card.shares(cues))

    @property
    def passed(self) -> bool:
        return bool(self.llr >= self.threshold)  # False for what is no number


@dataclass(frozen=True, slots=True)
class RuleReading:
    """What a gate says that decides by rule and not by a ratio: ``fault`` names what it found, empty for nothing."""

    gate: str
    fault: str
    cues: dict[str, float]

    @property
    def passed(self) -> bool:
        return not self.fault


class LivenessNetwork(Protocol):
    name: str

    def score(self, image: Image, face: DetectedFace) -> float:
        """Probability in [0, 1] that the face is bona fide."""


@dataclass(frozen=True, slots=True)
class GateEngines:
    """The gates that look at a capture, the same for every pack. None where a model or a calibration is not at hand;
    what then happens is policy's word."""

    picture: PictureGate | None = None
    minifasnet: PictureGate | None = None
    vit: VitPad | None = None
    flat: FlatnessGate | None = None
    lips: LipSyncGate | None = None
    forgery: FaceForgeryGate | None = None
    voice_spoof: VoiceSpoofGate | None = None
    digits: DigitRecogniser | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """Everything that one pack runs on."""

    pack: str
    detector: FaceDetector
    landmarks: LandmarkEngine
    face: FaceEmbedder
    voice: VoiceEmbedder
    speech: SpeechActivity
    gates: GateEngines
    fusion: FusionEngine
