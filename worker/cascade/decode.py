"""Bytes to arrays, with limits that hold before anything large is made."""

from __future__ import annotations

import io
import warnings

import numpy as np
import soundfile
import soxr
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from worker.cascade.types import CaptureUnusable, Reason
from worker.engines.types import SAMPLE_RATE, Image, Waveform

FORMATS = ("JPEG", "PNG", "WEBP")
SMALLEST_SIDE = 32
MOST_PIXELS = 25_000_000
LONGEST_SIDE = 1600  # larger pictures are made smaller: no engine sees more
LOWEST_RATE, HIGHEST_RATE = 16_000, 192_000
LONGEST_SECONDS = 60.0


def decode_image(data: bytes) -> Image:
    """A picture as RGB (height, width, 3), turned upright as its EXIF says, no side over LONGEST_SIDE.

    Raises:
        CaptureUnusable: ``image_truncated`` when it is cut off, ``image_unreadable`` for anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pillow.DecompressionBombWarning)
            opened = Pillow.open(io.BytesIO(data), formats=FORMATS)
            width, height = opened.size
            if width * height > MOST_PIXELS or min(width, height) < SMALLEST_SIDE:
                raise CaptureUnusable(Reason.IMAGE_UNREADABLE)
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except OSError as error:
        truncated = not isinstance(error, UnidentifiedImageError) and "truncated" in str(error).lower()
        raise CaptureUnusable(Reason.IMAGE_TRUNCATED if truncated else Reason.IMAGE_UNREADABLE) from error
    except (ValueError, SyntaxError, Pillow.DecompressionBombWarning, Pillow.DecompressionBombError) as error:
        raise CaptureUnusable(Reason.IMAGE_UNREADABLE) from error
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return np.asarray(picture)


def decode_audio(data: bytes) -> Waveform:
    """Sound as mono float32 at 16 kHz.

    Raises:
        CaptureUnusable: it cannot be read, is sampled below 16 kHz (speech bands would be missing) or lasts too long.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            rate = file.samplerate
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                raise CaptureUnusable(Reason.AUDIO_RATE_UNSUPPORTED)
            if file.frames > LONGEST_SECONDS * rate:
                raise CaptureUnusable(Reason.AUDIO_TOO_LONG)
            sound = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise CaptureUnusable(Reason.AUDIO_UNREADABLE) from error
    if not len(sound):
        raise CaptureUnusable(Reason.AUDIO_UNREADABLE)
    mono = sound.mean(axis=1)
    if not np.isfinite(mono).all():
        raise CaptureUnusable(Reason.AUDIO_UNREADABLE)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.clip(mono, -1.0, 1.0).astype(np.float32)
