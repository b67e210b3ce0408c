"""Replay: is this capture an earlier one of the same person, sent again?

Of a capture a trace is kept: perceptual fingerprints of its frames (signs of low DCT coefficients, after Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010), the same of what is left of each frame
without the capture's mean face, unit templates, and a soundprint. The mean face carries who it is, the light and the
room, which stay from one moment to the next; what is left of it are pose and expression, which nobody repeats frame by
frame. A trace shows no face, and is personal all the same: keep it sealed.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.liveness.soundprint import Soundprint, likeness, soundprint

SIDE = 128  # pixels of a face
LOW = 16  # rows and columns of DCT coefficients that are kept
BYTES = LOW * LOW // 8
SOUND_BYTES = 4
MOST_FRAMES = 1000
HEAD = struct.Struct("<3sHHHH")  # which format; frames, width of the face template, of the voice's, moments of sound
FORMAT = b"CT1"
# The first rows of the DCT-II: cosines of ever more half waves across the face.
WAVES = np.cos(np.pi / SIDE * np.outer(np.arange(LOW), np.arange(SIDE) + 0.5)).astype(np.float32)
# A picture seen in a mirror has the other sign in every coefficient of an odd column.
MIRROR = np.packbits(np.tile(np.arange(LOW) % 2 == 1, LOW))
SHARE = 0.25  # of frames that have to be old ones
FEWEST_MOVING = 8  # frames that say what the mean face is

# Limits: docs/gates-stream.md says what genuine captures and replays measured.
FRAMES_APART = 0.06  # the very same pictures
MOTION_APART = 0.16  # the same motion
MOTION_NEAR, STEPS_NEAR = 0.28, 1.2  # much the same motion, and nearer than the capture's own frames are to each other
SAME_SOUND = 0.76
SAME_FACE = 0.9995
SAME_VOICE = 0.9995


@dataclass(frozen=True, slots=True)
class Trace:
    """What is kept of a capture to know it again.

    Arguments:
        frames: (n, 32) uint8, a fingerprint a frame.
        motion: (n, 32) uint8, the same without the mean face.
        face, voice: unit templates, or None.
        sound: of the voice, or None.
    """

    frames: NDArray[np.uint8]
    motion: NDArray[np.uint8]
    face: NDArray[np.float32] | None
    voice: NDArray[np.float32] | None
    sound: Soundprint | None

    def to_bytes(self) -> bytes:
        """Half-precision templates, and everything else as it is; sealed by whoever stores it."""
        face, voice = (np.zeros(0, np.float16) if one is None else one.astype("<f2") for one in (self.face, self.voice))
        sound = self.sound or Soundprint(np.zeros((0, SOUND_BYTES), np.uint8), np.zeros(0, np.bool_))
        head = HEAD.pack(FORMAT, len(self.frames), len(face), len(voice), len(sound.bits))
        parts = (self.frames, self.motion, face, voice, sound.bits, np.packbits(sound.loud))
        return head + b"".join(part.tobytes() for part in parts)

    @classmethod
    def from_bytes(cls, packed: bytes) -> Trace:
        """Raises ValueError for anything that ``to_bytes`` did not make."""
        if len(packed) < HEAD.size:
            raise ValueError("this is no trace of a capture")
        form, frames, face, voice, moments = HEAD.unpack_from(packed)
        sizes = (frames * BYTES, frames * BYTES, 2 * face, 2 * voice, moments * SOUND_BYTES, (moments + 7) // 8)
        if form != FORMAT or not frames or len(packed) != HEAD.size + sum(sizes):
            raise ValueError("this is no trace of a capture, or of another version")
        ends = np.cumsum((HEAD.size, *sizes))
        parts = [packed[begin:end] for begin, end in pairwise(ends)]
        prints = [np.frombuffer(part, np.uint8).reshape(frames, BYTES) for part in parts[:2]]
        templates = [np.frombuffer(part, "<f2").astype(np.float32) if part else None for part in parts[2:4]]
        bits = np.frombuffer(parts[4], np.uint8).reshape(moments, SOUND_BYTES)
        loud = np.unpackbits(np.frombuffer(parts[5], np.uint8), count=moments).astype(np.bool_)
        return cls(prints[0], prints[1], templates[0], templates[1], Soundprint(bits, loud) if moments else None)


@dataclass(frozen=True, slots=True)
class ReplayReading:
    """How near a capture comes to earlier ones; each value is that of the nearest.

    Arguments:
        replayed: it is one of them, as far as can be told.
        nearest_frames, nearest_motion: share of bits in which a quarter of its frames differ from frames of one earlier
            capture at most, as they are and without the mean face; about 0.5 for pictures that share nothing.
        nearest_steps: ``nearest_motion`` over how far the capture's frames are from the nearest of their own kind.
        face_cosine, voice_cosine: highest cosine of templates; nearly 1 is suspicious, not perfect.
        voice_match: share of equal bits of the soundprints.
        nearest: index of the earlier capture that comes nearest by motion; None where there are none.
    """

    replayed: bool
    nearest_frames: float
    nearest_motion: float
    nearest_steps: float
    face_cosine: float
    voice_cosine: float
    voice_match: float
    nearest: int | None


def trace_of(
    faces: Sequence[NDArray[np.float32]],
    face_template: NDArray[np.float32] | None,
    voice_template: NDArray[np.float32] | None,
    voice: NDArray[np.float32] | None,
) -> Trace:
    """The trace of a capture.

    Arguments:
        faces: grey faces (128, 128), 0 to 255, one a frame.
        face_template, voice_template: unit vectors, or None.
        voice: mono, 16 kHz, or None.

    Raises:
        ValueError: no face, too many, or values that are no numbers.
    """
    if not 0 < len(faces) <= MOST_FRAMES:
        raise ValueError(f"a trace needs 1 to {MOST_FRAMES} faces")
    if any(one is not None and not np.isfinite(one).all() for one in (face_template, voice_template)):
        raise ValueError("a template is no vector of numbers")
    together = np.stack([np.asarray(face, np.float32) for face in faces])
    return Trace(
        frames=_fingerprints(together),
        motion=_fingerprints(together - together.mean(0)),
        face=face_template,
        voice=voice_template,
        sound=None if voice is None else soundprint(voice),
    )


def compare_traces(now: Trace, earlier: Sequence[Trace]) -> ReplayReading:
    """Whether ``now`` is one of the ``earlier`` captures of the same person, re-encoded, cut or shuffled as it may be."""
    frames = [_apart(now.frames, one.frames) for one in earlier]
    motion = [_moved_apart(now, one) for one in earlier]
    face = [_cosine(now.face, one.face) for one in earlier]
    voice = [_cosine(now.voice, one.voice) for one in earlier]
    sound = [likeness(now.sound, one.sound) for one in earlier if now.sound and one.sound]
    nearest_frames, nearest_motion = min(frames, default=1.0), min(motion, default=1.0)
    face_cosine, voice_cosine, match = (max(values, default=0.0) for values in (face, voice, sound))
    relative = nearest_motion / _own_step(now)
    again = nearest_motion <= MOTION_APART or (nearest_motion <= MOTION_NEAR and relative <= STEPS_NEAR)
    alike = max(face_cosine - SAME_FACE, voice_cosine - SAME_VOICE, match - SAME_SOUND) >= 0
    return ReplayReading(
        replayed=nearest_frames <= FRAMES_APART or again or alike,
        nearest_frames=nearest_frames,
        nearest_motion=nearest_motion,
        nearest_steps=relative,
        face_cosine=face_cosine,
        voice_cosine=voice_cosine,
        voice_match=match,
        nearest=int(np.argmin(motion)) if motion else None,
    )


def _own_step(now: Trace) -> float:
    """Median share of unequal bits between a frame and the nearest other one of the same capture; one bit at least."""
    if len(now.motion) < FEWEST_MOVING:
        return 1.0
    unequal = np.bitwise_count(now.motion[:, None] ^ now.motion[None]).sum(2, dtype=np.int64)
    np.fill_diagonal(unequal, 8 * BYTES)
    return max(float(np.median(unequal.min(1))), 1.0) / (8 * BYTES)


def _moved_apart(now: Trace, before: Trace) -> float:
    """0.5, which says nothing, where a capture is too short to have a mean face of its own."""
    if min(len(now.motion), len(before.motion)) < FEWEST_MOVING:
        return 0.5
    return _apart(now.motion, before.motion)


def _apart(now: NDArray[np.uint8], before: NDArray[np.uint8]) -> float:
    """Share of unequal bits that a quarter of the frames do not exceed, upright or in a mirror."""
    found = []
    for seen in (now, now ^ MIRROR):
        unequal = np.bitwise_count(seen[:, None] ^ before[None]).sum(2, dtype=np.int64).min(1) / (8 * BYTES)
        found.append(float(np.quantile(unequal, SHARE)))
    return min(found)


def _cosine(first: NDArray[np.float32] | None, second: NDArray[np.float32] | None) -> float:
    """0 where one is missing or of another model."""
    if first is None or second is None or first.shape != second.shape:
        return 0.0
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-9))


def _fingerprints(faces: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 32) uint8 of faces (n, 128, 128)."""
    if faces.shape[1:] != (SIDE, SIDE) or not np.isfinite(faces).all():
        raise ValueError(f"a fingerprint is taken of a finite grey face ({SIDE}, {SIDE})")
    low = WAVES @ faces @ WAVES.T
    return np.packbits(low.reshape(len(faces), LOW * LOW) > 0, axis=1)
