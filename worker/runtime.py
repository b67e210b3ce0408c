"""Builds and warms the engines of a pack once a process. Knows no Django: it is configured from outside."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from models.errors import ModelMissing
from models.evaluation.record import CalibrationRecord
from models.fusion import FusionCard, FusionMethod, locate_fusion
from models.registry import Pack, Places, calibration_values, locate, models, pack
from worker.engines import detection, landmarks, recognition, speech_activity, voice
from worker.engines.building import build_gates
from worker.engines.fusion import FACE, VOICE, FusionEngine, LlrSum, build_fusion
from worker.engines.sessions import SessionOptions, exported
from worker.engines.types import (
    SAMPLE_RATE,
    Calibration,
    DetectedFace,
    Engines,
    FaceDetector,
    FaceEmbedder,
    GateEngines,
    Image,
    ModelCard,
    VoiceEmbedder,
    Waveform,
)

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Configuration:
    """``fusion``: a method by name, or ``auto`` for the pack's own (models/manifest.toml)."""

    places: Places
    options: SessionOptions
    fusion: str = AUTO


_configuration: Configuration | None = None
_built: dict[str, Engines] = {}
_lock = threading.Lock()


def configure(
    *, models_dir: Path | None, state_dir: Path, threads: int, providers: list[str], fusion: str = AUTO
) -> None:
    """Say where models lie and how they run. Call once, before ``get``."""
    global _configuration  # one process, one configuration
    options = SessionOptions(threads=threads, providers=tuple(providers))
    _configuration = Configuration(Places(models_dir=models_dir, state_dir=state_dir), options, fusion)


def configuration() -> Configuration:
    if _configuration is None:
        raise RuntimeError("runtime.configure has not been called")
    return _configuration


def get(pack_name: str) -> Engines:
    """The engines of a pack, each network run once, so that the first capture is as quick as the next.

    Raises:
        models.errors.ModelMissing: weights or a calibration are not at hand.
        models.errors.WrongHash: a file is not what the manifest says.
    """
    with _lock:
        if pack_name not in _built:
            _built[pack_name] = build(pack_name, configuration())
            warm(_built[pack_name])
        return _built[pack_name]


def cards(pack_name: str) -> list[ModelCard]:
    """The face and the voice model of a pack, without loading them.

    Raises:
        models.errors.ModelMissing: there is no such pack, it does not recognise, or it was never calibrated.
    """
    chosen = recognising(pack_name)
    places = configuration().places
    return [card(chosen.face, "face", pack_name, places), card(chosen.voice, "voice", pack_name, places)]


def card(name: str, modality: str, pack_name: str, places: Places, *, calibrated: bool = True) -> ModelCard:
    """What is known of model ``name``; ``calibrated=False`` is for the command that makes the calibration."""
    entry = models()[name]
    calibration = calibration_of(name, places) if calibrated else Calibration("none", 0.0, 0.0, 0, 0)
    return ModelCard(
        modality=modality,
        name=name,
        pack=pack_name,
        sha256=entry.sha256,
        width=entry.width,
        licence=entry.licence,
        calibration=calibration,
    )


def calibration_of(name: str, places: Places) -> Calibration:
    """The stored calibration of model ``name``; one of COSMIC 1.0 still answers, but nothing measured goes with it.

    Raises:
        models.errors.ModelMissing: it was never calibrated, or its file holds something else.
    """
    values = calibration_values(name, places)
    try:
        if "version" in values:
            return Calibration.of(CalibrationRecord.from_json(values))
        return Calibration(
            name=str(values["name"]),
            slope=float(values["slope"]),
            offset=float(values["offset"]),
            identities=int(values["identities"]),
            trials=int(values["trials"]),
        )
    except (KeyError, ValueError) as error:
        raise ModelMissing(name, f"its calibration cannot be read ({error}); run: manage.py calibrate") from error


def recognising(pack_name: str):
    chosen = pack(pack_name)
    if not chosen.recognises:
        raise ModelMissing(pack_name, "this pack only adds weights; it cannot recognise anybody")
    return chosen


def build(pack_name: str, config: Configuration, *, calibrated: bool = True) -> Engines:
    """Load everything that a pack needs."""
    chosen = recognising(pack_name)
    places = config.places
    face_card = card(chosen.face, "face", pack_name, places, calibrated=calibrated)
    voice_card = card(chosen.voice, "voice", pack_name, places, calibrated=calibrated)
    return Engines(
        pack=pack_name,
        detector=_detector(chosen.detector, config),
        landmarks=_landmarks(places),
        face=_face_embedder(chosen.face, face_card, config),
        voice=_voice_embedder(chosen.voice, voice_card, config),
        speech=speech_activity.SileroActivity(locate("silero_vad", places), config.options),
        gates=build_gates(places, config.options),
        fusion=_fusion(chosen, face_card, voice_card, config) if calibrated else _llr_sum(face_card, voice_card),
    )


def warm(engines: Engines) -> None:
    """Run every network once on noise; what they say does not matter."""
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 255, (480, 640, 3), np.uint8)
    points = np.array([[280, 200], [360, 200], [320, 250], [290, 300], [350, 300]], np.float32)
    face = DetectedFace(box=(240.0, 140.0, 160.0, 200.0), points=points, score=1.0)
    sound = noise.standard_normal(3 * SAMPLE_RATE).astype(np.float32) * 0.05
    engines.detector.detect(picture)
    engines.landmarks.mesh(picture)
    engines.face.embed(picture, face)
    engines.voice.embed(sound)
    engines.speech.segments(sound)
    warm_gates(engines.gates, picture, face, sound)
    vectors = {
        FACE: np.eye(1, engines.face.card.width, dtype=np.float32)[0],
        VOICE: np.eye(1, engines.voice.card.width, dtype=np.float32)[0],
    }
    for shown in ((FACE, VOICE), (FACE,), (VOICE,)):
        references = {modality: vectors[modality][None] for modality in shown}
        engines.fusion.compare(vectors, {FACE: 1.0, VOICE: 1.0}, references)


def warm_gates(gates: GateEngines, picture: Image, face: DetectedFace, sound: Waveform) -> None:
    """Noise shows no face and says nothing, which a gate may well refuse to judge: it has run, and that is all."""
    runs: list[Callable[[], object]] = [
        partial(gate.judge, [(picture, face)])
        for gate in (gates.picture, gates.minifasnet, gates.vit)
        if gate is not None
    ]
    if gates.forgery is not None:
        runs.append(partial(gates.forgery.judge, [(picture, face, None)]))
    if gates.voice_spoof is not None:
        runs.append(partial(gates.voice_spoof.judge, sound))
    if gates.digits is not None:
        runs.append(partial(gates.digits.check, sound, "0"))
    for run in runs:
        with contextlib.suppress(ValueError):
            run()


def _landmarks(places: Places) -> landmarks.MediaPipeMesh:
    locate("mediapipe_face_mesh", places)  # MediaPipe opens its own file: what is there must be the one we know
    return landmarks.MediaPipeMesh()


def _detector(name: str, config: Configuration) -> FaceDetector:
    weights = locate(name, config.places)
    if name == "mediapipe_face_short":
        return detection.MediaPipeDetector()
    if name == "yunet":
        return detection.YuNetDetector(weights)
    return detection.ScrfdDetector(weights, config.options)


def _face_embedder(name: str, model_card: ModelCard, config: Configuration) -> FaceEmbedder:
    weights = locate(name, config.places)
    if name == "dlib_resnet":
        return recognition.DlibEmbedder(weights, locate("dlib_landmarks", config.places), model_card)
    if name == "sface":
        return recognition.SFaceEmbedder(weights, model_card)
    return recognition.AlignedEmbedder(weights, model_card, config.options)


def _voice_embedder(name: str, model_card: ModelCard, config: Configuration) -> VoiceEmbedder:
    if name == "ecapa":
        return voice.EcapaEmbedder(locate(name, config.places), model_card, config.options)
    network = exported(name, config.places, _ge2e, (2, voice.FRAMES, 40))
    return voice.GE2EEmbedder(network, model_card, config.options)


def fusion_method(pack_name: str, config: Configuration) -> FusionMethod:
    """Which fusion a pack runs: what the operator asked for, else the pack's own."""
    return FusionMethod(pack(pack_name).fusion if config.fusion == AUTO else config.fusion)


def fusion_card(pack_name: str) -> FusionCard | None:
    """The card of the fusion that a pack runs; None for the sum of ratios, which was never trained.

    Raises:
        models.errors.ModelMissing, models.errors.WrongHash: as ``get``.
    """
    method = fusion_method(pack_name, configuration())
    if method is FusionMethod.LLR_SUM:
        return None
    face, voice = cards(pack_name)
    return _located(pack_name, method, face, voice, configuration())[1]


def _fusion(chosen: Pack, face: ModelCard, voice: ModelCard, config: Configuration) -> FusionEngine:
    method = fusion_method(chosen.name, config)
    if method is FusionMethod.LLR_SUM:
        return _llr_sum(face, voice)
    folder, found = _located(chosen.name, method, face, voice, config)
    return build_fusion(folder, found, config.options)


def _located(
    pack_name: str, method: FusionMethod, face: ModelCard, voice: ModelCard, config: Configuration
) -> tuple[Path, FusionCard]:
    return locate_fusion(pack_name, method, config.places, face_sha256=face.sha256, voice_sha256=voice.sha256)


def _llr_sum(face: ModelCard, voice: ModelCard) -> FusionEngine:
    return LlrSum({FACE: face.calibration, VOICE: voice.calibration})


def _ge2e(state):
    from models.voice.ge2e import SpeakerEncoder

    return SpeakerEncoder(state["model_state"])
