"""How usable a face picture or a recording is, in words that the person can act on.

Measures follow ISO/IEC 29794-5 (face: size, pose, sharpness, exposure); limits are set so that nine in ten LFW
pictures pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from worker.cascade.types import Reason
from worker.engines.recognition import aligned
from worker.engines.types import SAMPLE_RATE, DetectedFace, Image, Waveform

SMALLEST_EYE_DISTANCE = 24.0  # pixels
LARGEST_TURN = 0.38  # nose tip off the middle of the eyes, in eye distances: about 30 degrees
LARGEST_TILT = 0.60  # tangent of the line through the eyes
LEAST_SHARPNESS = 12.0  # variance of the Laplacian over the aligned face
DARKEST, BRIGHTEST = 38.0, 228.0  # mean grey level

LEAST_SPEECH = 1.2  # seconds
LEAST_SNR = 6.0  # dB
QUIETEST = -55.0  # dBFS
CLIPPED_LEVEL, MOST_CLIPPED = 0.985, 0.005
BEST_SNR = 60.0


@dataclass(frozen=True, slots=True)
class Quality:
    """``score`` in [0, 1]; ``reasons`` why it cannot be used, worst first, empty when it can."""

    score: float
    reasons: tuple[Reason, ...]
    measures: dict[str, float]


def face_quality(image: Image, face: DetectedFace) -> Quality:
    """Size, pose, sharpness and light of one face."""
    eyes = face.points[1] - face.points[0]
    distance = float(np.hypot(*eyes))
    if distance < 4.0:
        return Quality(0.0, (Reason.FACE_TOO_SMALL,), {"eye_distance": distance})
    along = eyes / distance
    turn = float((face.points[2] - face.points[:2].mean(0)) @ along) / distance
    tilt = abs(float(eyes[1])) / max(1e-6, abs(float(eyes[0])))
    chip = cv2.cvtColor(aligned(image, face.points), cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(chip, cv2.CV_64F).var())
    light = float(chip[20:92, 20:92].mean())
    found = [
        (Reason.FACE_TOO_SMALL, distance < SMALLEST_EYE_DISTANCE),
        (Reason.FACE_TOO_DARK, light < DARKEST),
        (Reason.FACE_TOO_BRIGHT, light > BRIGHTEST),
        (Reason.FACE_TURNED, abs(turn) > LARGEST_TURN or tilt > LARGEST_TILT),
        (Reason.FACE_BLURRED, sharpness < LEAST_SHARPNESS),
    ]
    score = (
        min(1.0, distance / (3 * SMALLEST_EYE_DISTANCE))
        * max(0.0, 1 - abs(turn) / (2 * LARGEST_TURN))
        * min(1.0, sharpness / (8 * LEAST_SHARPNESS)) ** 0.5
        * min(1.0, light / (2 * DARKEST), (255 - light) / (2 * (255 - BRIGHTEST)))
    )
    measures = {"eye_distance": distance, "turn": turn, "tilt": tilt, "sharpness": sharpness, "light": light}
    return Quality(
        float(np.clip(score, 0.0, 1.0)),
        tuple(reason for reason, failed in found if failed),
        {name: round(value, 3) for name, value in measures.items()},
    )


def voice_quality(voice: Waveform, segments: list[tuple[float, float]]) -> Quality:
    """Length of speech, level, noise and clipping of a recording with speech in ``segments`` (seconds)."""
    level = _decibels(voice)
    clipped = float(np.mean(np.abs(voice) >= CLIPPED_LEVEL))
    speech = sum(end - start for start, end in segments)
    snr = _signal_to_noise(voice, segments)
    found = [
        (Reason.AUDIO_SILENT, level < QUIETEST),
        (Reason.AUDIO_CLIPPED, clipped > MOST_CLIPPED),
        (Reason.NO_SPEECH, not segments),
        (Reason.AUDIO_TOO_SHORT, bool(segments) and speech < LEAST_SPEECH),
        (Reason.AUDIO_NOISY, bool(segments) and snr < LEAST_SNR),
    ]
    score = min(1.0, speech / 3.0) * float(np.clip(snr / 25.0, 0.0, 1.0))
    measures = {"speech_seconds": speech, "snr_db": snr, "level_dbfs": level, "clipped_share": clipped}
    return Quality(
        score,
        tuple(reason for reason, failed in found if failed),
        {name: round(value, 4) for name, value in measures.items()},
    )


def speech_only(voice: Waveform, segments: list[tuple[float, float]]) -> Waveform:
    """The spans of speech, joined."""
    pieces = [voice[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] for start, end in segments]
    return np.concatenate(pieces) if pieces else voice[:0]


def _signal_to_noise(voice: Waveform, segments: list[tuple[float, float]]) -> float:
    """Level of speech over the level of pauses in dB; the quietest tenth stands in where there is no pause."""
    if not segments:
        return 0.0
    speaking = np.zeros(len(voice), bool)
    for start, end in segments:
        # Speech fades: what lies within 0.1 s of it is no pause.
        speaking[max(0, int((start - 0.1) * SAMPLE_RATE)) : int((end + 0.1) * SAMPLE_RATE)] = True
    pauses = voice[~speaking]
    if len(pauses) < SAMPLE_RATE // 10:
        frames = voice[: len(voice) // 320 * 320].reshape(-1, 320)
        power = np.sort((frames**2).mean(1))
        pauses = np.sqrt(power[: max(1, len(power) // 10)])
    return float(np.clip(_decibels(voice[speaking]) - _decibels(pauses), 0.0, BEST_SNR))


def _decibels(sound: Waveform) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) + 1e-10)) if len(sound) else -100.0
