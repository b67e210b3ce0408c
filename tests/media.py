"""Pictures and sounds for tests: a still as a camera sees it, held up by a hand, its lids drawn down; files; speech.

Whoever moves like a person is in ``tests.moving``. Nothing here is a measure of resistance to attacks.
"""

from __future__ import annotations

import ctypes
import io
import wave
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 640, 480
FRAME_RATE = 12.0
SECONDS = 4.0
LID_WIDTH, LID_EDGE, LID_HEIGHT = 1.2, 1.2, 5.0  # in half widths and half heights of the eye
RATE = 16_000


@dataclass(frozen=True, slots=True)
class Eye:
    """Centre, half width and half height in pixels."""

    x: float
    y: float
    half_width: float
    half_height: float


def scene(face: Picture, *, scale: float = 1.0) -> Picture:
    """A still (any size, RGB) scaled into a camera picture of 640x480, the edge repeated around it."""
    fit = min(WIDTH / face.shape[1], HEIGHT / face.shape[0]) * scale
    small = cv2.resize(face, None, fx=fit, fy=fit, interpolation=cv2.INTER_AREA if fit < 1 else cv2.INTER_CUBIC)
    small = small[:HEIGHT, :WIDTH]
    top, left = (HEIGHT - small.shape[0]) // 2, (WIDTH - small.shape[1]) // 2
    bottom, right = HEIGHT - small.shape[0] - top, WIDTH - small.shape[1] - left
    return cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_REFLECT)


def still_frames(still: Picture, *, seconds: float = SECONDS, rate: float = FRAME_RATE, seed: int = 0) -> list[Picture]:
    """Frames of a photograph held to the camera by a hand that is not quite steady."""
    noise = np.random.default_rng(seed)
    return [_shaken(still, index / rate, noise) for index in range(round(seconds * rate))]


def lids_down(picture: Picture, eyes: tuple[Eye, Eye], closed: float) -> Picture:
    """Pull the skin above each eye down over it, as an upper lid comes down; ``closed`` in [0, 1]."""
    if closed <= 0:
        return picture
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    source_rows = rows.copy()
    for eye in eyes:
        arc = np.clip(1 - ((columns - eye.x) / (LID_WIDTH * eye.half_width)) ** 2, 0, 1)
        brow = eye.y - LID_HEIGHT * eye.half_height
        lid = eye.y - LID_EDGE * eye.half_height * arc
        lowered = lid + 2 * LID_EDGE * eye.half_height * arc * closed
        inside = (rows > brow) & (rows < lowered) & (arc > 0)
        stretched = brow + (rows - brow) * (lid - brow) / np.maximum(lowered - brow, 1e-3)
        source_rows[inside] = stretched[inside]
    return cv2.remap(picture, columns, source_rows, cv2.INTER_LINEAR)


def _shaken(picture: Picture, time: float, noise: np.random.Generator) -> Picture:
    shift = np.float32([[1, 0, 1.5 * np.sin(2.4 * time)], [0, 1, 1.2 * np.cos(1.7 * time)]])
    moved = cv2.warpAffine(picture, shift, (picture.shape[1], picture.shape[0]), borderMode=cv2.BORDER_REFLECT)
    return np.clip(moved + noise.normal(0, 1.5, moved.shape), 0, 255).astype(np.uint8)


def times_of(frames: list[Picture]) -> list[float]:
    return [round(index / FRAME_RATE, 4) for index in range(len(frames))]


def jpeg(picture: Picture, *, quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decoded(content: bytes) -> Picture:
    return np.asarray(Pillow.open(io.BytesIO(content)).convert("RGB"))


def png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def wav(sound: NDArray[np.float32], *, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def write_mjpeg(frames: list[Picture], path: Path) -> None:
    """A video that Chromium's fake camera plays in a loop: JPEG pictures, one after another."""
    path.write_bytes(b"".join(jpeg(frame, quality=95) for frame in frames))


def spoken(text: str, *, voice: str = "en-us", pitch: int = 50, speed: int = 150) -> NDArray[np.float32]:
    """Speech by espeak-ng (the library inside the espeakng-loader wheel), 16 kHz, with faint noise half a second before
    and after it."""
    import soxr

    sound, rate = _espeak(text, voice, pitch, speed)
    sound = soxr.resample(sound, rate, RATE)
    noise = np.random.default_rng(0).normal(0, 0.001, len(sound) + RATE).astype(np.float32)
    noise[RATE // 2 : RATE // 2 + len(sound)] += 0.6 * sound
    return noise


def _espeak(text: str, voice: str, pitch: int, speed: int) -> tuple[NDArray[np.float32], int]:
    import espeakng_loader

    synchronous, utf8, rate_parameter, pitch_parameter = 2, 1, 1, 3  # from speak_lib.h
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = _espeak_rate(library, espeakng_loader.get_data_path(), synchronous)
    blocks: list[NDArray[np.int16]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, events):
        if samples and count:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(collect)
    assert library.espeak_SetVoiceByName(voice.encode()) == 0, voice
    library.espeak_SetParameter(rate_parameter, speed, 0)
    library.espeak_SetParameter(pitch_parameter, pitch, 0)
    spoken_text = text.encode()
    library.espeak_Synth(spoken_text, ctypes.c_size_t(len(spoken_text) + 1), 0, 0, 0, utf8, None, None)
    library.espeak_Synchronize()
    return np.concatenate(blocks).astype(np.float32) / 32768, rate


_rates: dict[str, int] = {}


def _espeak_rate(library: ctypes.CDLL, data: str, mode: int) -> int:
    """The library is to be initialised once a process."""
    if data not in _rates:
        _rates[data] = library.espeak_Initialize(mode, 0, data.encode(), 0)
    return _rates[data]
