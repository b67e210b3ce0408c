"""What the test people would send: captures of them, live or as a still photograph, and their voices."""

from __future__ import annotations

import json
from functools import cache

from tests import acting, media
from tests.deployment import Files, capture_files
from tests.people import VOICES, portrait

SENTENCES = (
    "My voice is my own, and nobody else can open this door with it.",
    "Early in the morning the harbour is quiet and the boats lie still.",
)


@cache
def live_frames(name: str, *, seed: int = 0) -> tuple[bytes, ...]:
    return tuple(media.jpeg(frame) for frame in acting.acted_frames(name, [], media.SECONDS, seed=seed))


@cache
def photograph_frames(name: str) -> tuple[bytes, ...]:
    return tuple(media.jpeg(frame) for frame in media.still_frames(portrait(name)))


@cache
def voice_of(name: str, *, sentence: int = 0) -> bytes:
    voice, pitch = VOICES[name]
    return media.wav(media.spoken(SENTENCES[sentence], voice=voice, pitch=pitch))


def times(frames: tuple[bytes, ...]) -> str:
    return json.dumps([round(index / media.FRAME_RATE, 4) for index in range(len(frames))])


def enrolment_files(name: str) -> Files:
    """Stills of another moment than the captures of logins."""
    files = capture_files(list(live_frames(name, seed=7)[:6]), voice_of(name))
    return [*files, ("voice", ("second.wav", voice_of(name, sentence=1), "audio/wav"))]
