"""Captures that are sent again, and captures that are not, made of a pattern whose pose and expression wander."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from models.liveness.replay import SIDE, Trace, compare_traces, trace_of
from models.liveness.soundprint import RATE, likeness, soundprint

FRAMES = 48
Faces = list[np.ndarray]


@cache
def captured(moment: int) -> Faces:
    """Grey faces (128, 128) of one person at one moment: the pattern is the person's, the path the moment's."""
    pattern = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE)), (0, 0), 5)
    pattern = 128 + 5 * (pattern - pattern.mean())
    draw = np.random.default_rng(1000 + moment)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    wander = cv2.GaussianBlur(draw.normal(0, 1.5, (FRAMES, 6)).cumsum(0), (1, 9), 2)
    faces = []
    for x, y, bend, squeeze, mouth, light in wander:
        lips = np.exp(-((rows - 95) ** 2 + (columns - 64) ** 2) / 300)
        bent = np.sin(columns / 20) * bend / 2
        moved = cv2.remap(
            pattern.astype(np.float32),
            columns + np.float32(x) + np.float32(squeeze / 100) * (columns - 64),
            rows + np.float32(y) + bent.astype(np.float32) + (mouth * lips).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        faces.append((moved + light + draw.normal(0, 1, moved.shape)).clip(0, 255).astype(np.float32))
    return faces


def noisy(faces: Faces) -> Faces:
    draw = np.random.default_rng(5)
    return [one + draw.normal(0, 4, one.shape).astype(np.float32) for one in faces]


def recoded(faces: Faces) -> Faces:
    packed = [cv2.imencode(".jpg", one, [cv2.IMWRITE_JPEG_QUALITY, 50])[1] for one in faces]
    return [cv2.imdecode(one, cv2.IMREAD_GRAYSCALE).astype(np.float32) for one in packed]


TREATMENTS = {
    "as it was": lambda faces: faces,
    "recoded": recoded,
    "noisy": noisy,
    "brighter": lambda faces: [one * 1.2 + 5 for one in faces],
    "cropped": lambda faces: [cv2.resize(one[2:-2, 2:-2], (SIDE, SIDE)) for one in faces],
    "shuffled": lambda faces: [faces[index] for index in np.random.default_rng(0).permutation(FRAMES)],
    "thinned": lambda faces: faces[::2],
    "mirrored": lambda faces: [np.ascontiguousarray(one[:, ::-1]) for one in faces],
}


def trace(faces: Faces) -> Trace:
    return trace_of(faces, None, None, None)


@cache
def earlier_traces() -> tuple[Trace, ...]:
    return tuple(trace(captured(moment)) for moment in (1, 2, 3))


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=128)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def speech(seed: int) -> np.ndarray:
    """Noise whose bands swell and fade as those of speech do."""
    draw = np.random.default_rng(seed)
    spectrum = np.fft.rfft(draw.normal(size=(60, 2048)))
    bands = np.repeat(np.exp(2 * draw.normal(size=(60, 41))), 25, axis=1)[:, :1025]
    sound = np.fft.irfft(spectrum * bands).reshape(-1)
    return (0.1 * sound / sound.std()).astype(np.float32)


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_capture_sent_again_is_found(treatment: str):
    found = compare_traces(trace(TREATMENTS[treatment](captured(2))), earlier_traces())

    assert found.replayed
    assert found.nearest == 1


@pytest.mark.parametrize("moment", range(10, 16))
def test_the_same_person_at_another_moment_is_no_replay(moment: int):
    assert not compare_traces(trace(captured(moment)), earlier_traces()).replayed


def test_the_first_capture_is_no_replay():
    found = compare_traces(trace(captured(0)), [])

    assert not found.replayed
    assert found.nearest is None


def test_an_exact_template_is_a_replay_and_a_near_one_is_not():
    before = trace_of(captured(1), unit(1), unit(2), None)
    near = unit(1) + 0.1 * unit(3)

    exact = compare_traces(trace_of(captured(2), unit(1), unit(4), None), [before])
    similar = compare_traces(trace_of(captured(2), near / np.linalg.norm(near), unit(4), None), [before])

    assert exact.replayed
    assert not similar.replayed
    assert similar.face_cosine > 0.98


def test_a_voice_sent_again_under_noise_is_a_replay_and_another_is_not():
    before = trace_of(captured(1), None, None, speech(1))
    hiss = np.random.default_rng(0).normal(0, 0.01, len(speech(1))).astype(np.float32)

    again = compare_traces(trace_of(captured(2), None, None, (speech(1) + hiss)[1500:]), [before])
    another = compare_traces(trace_of(captured(2), None, None, speech(2)), [before])

    assert again.replayed
    assert not another.replayed


def test_silence_is_like_nothing():
    silence = soundprint(np.zeros(2 * RATE, np.float32))

    assert likeness(silence, silence) == 0.0
    assert likeness(soundprint(np.zeros(10, np.float32)), silence) == 0.0


def test_a_trace_survives_packing():
    before = trace_of(captured(1), unit(1), None, speech(1))

    packed = before.to_bytes()
    found = compare_traces(Trace.from_bytes(packed), [before])

    assert len(packed) < 6000
    assert (found.nearest_frames, found.nearest_motion, found.voice_match) == (0.0, 0.0, 1.0)
    assert found.face_cosine == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b[:-1], lambda b: b + b"0", lambda b: b"XX1" + b[3:]])
def test_bytes_that_are_no_trace_are_an_error(spoil):
    with pytest.raises(ValueError, match="no trace"):
        Trace.from_bytes(spoil(trace(captured(1)).to_bytes()))


@pytest.mark.parametrize("face", [np.zeros((64, 64), np.float32), np.full((SIDE, SIDE), np.nan, np.float32)])
def test_no_fingerprint_is_taken_of_what_is_no_face(face: np.ndarray):
    with pytest.raises(ValueError, match="fingerprint"):
        trace([face])


def test_a_trace_needs_faces_and_numbers():
    with pytest.raises(ValueError, match="faces"):
        trace([])
    with pytest.raises(ValueError, match="template"):
        trace_of(captured(1), np.full(4, np.nan, np.float32), None, None)
