"""One enrolment sample: decoded, judged, embedded."""

from __future__ import annotations

from dataclasses import dataclass

from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.quality import Quality, face_quality, speech_only, voice_quality
from worker.cascade.types import CaptureUnusable, Modality, Reason
from worker.engines.types import Engines, Vector


@dataclass(frozen=True, slots=True)
class SampleEmbedding:
    """``vector`` (width,) of unit norm; ``quality`` by name; ``score`` in [0, 1]."""

    vector: Vector
    quality: dict[str, float]
    score: float


def embed_sample(modality: Modality, content: bytes, engines: Engines) -> SampleEmbedding:
    """Embed a picture with exactly one usable face, or a recording with enough clean speech.

    Raises:
        CaptureUnusable: the reason says what is wrong with it.
    """
    if modality is Modality.FACE:
        return _embed_face(content, engines)
    return _embed_voice(content, engines)


def _embed_face(content: bytes, engines: Engines) -> SampleEmbedding:
    image = decode_image(content)
    faces = engines.detector.detect(image)
    if not faces:
        raise CaptureUnusable(Reason.NO_FACE)
    if len(faces) > 1:
        raise CaptureUnusable(Reason.SEVERAL_FACES)
    quality = _usable(face_quality(image, faces[0]))
    return SampleEmbedding(engines.face.embed(image, faces[0]), quality.measures, quality.score)


def _embed_voice(content: bytes, engines: Engines) -> SampleEmbedding:
    voice = decode_audio(content)
    segments = engines.speech.segments(voice)
    quality = _usable(voice_quality(voice, segments))
    return SampleEmbedding(engines.voice.embed(speech_only(voice, segments)), quality.measures, quality.score)


def _usable(quality: Quality) -> Quality:
    if quality.reasons:
        raise CaptureUnusable(quality.reasons[0])
    return quality
