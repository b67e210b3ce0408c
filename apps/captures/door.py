"""What comes through the door: a multipart upload, checked by its bytes and headers before anything decodes it.

Whole decoding is the worker's work. Nothing here trusts a file's name or its declared type.
"""

from __future__ import annotations

import io
import json
import math
import warnings

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from PIL import Image, UnidentifiedImageError
from tinytag import TinyTag, TinyTagException

from apps.captures.bundle import Bundle
from apps.errors import CosmicError, ErrorCode

SMALLEST_SIDE = 32
LONGEST_SIDE = 10_000
MOST_PIXELS = 25_000_000
LOWEST_RATE, HIGHEST_RATE = 16_000, 192_000
LONGEST_SECONDS = 60.0
MOST_VOICES = 20
FURTHEST_APART = 0.5  # seconds between the beginnings of pictures and sound
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP")
SOUND_STARTS = (b"RIFF", b"fLaC", b"OggS")
UNNAMED_TYPES = {"", "application/octet-stream"}


def receive(request: HttpRequest, *, several_voices: bool = False) -> Bundle:
    """The capture in a multipart POST.

    Fields: ``frames`` (or ``face``), any number of pictures; ``voice``, a recording; ``frame_times``, a JSON list of
    seconds, one a frame; ``voice_starts``, seconds from the first frame to the first sound.

    Raises:
        CosmicError: with the code of what is wrong; 400, or 413 for what is too large.
    """
    frames = [*request.FILES.getlist("frames"), *request.FILES.getlist("face")]
    voices = request.FILES.getlist("voice")
    if not frames and not voices:
        raise CosmicError(ErrorCode.MEDIA_MISSING)
    if len(frames) > settings.ENV.capture_max_frames:
        raise CosmicError(ErrorCode.TOO_MANY_FRAMES)
    if len(voices) > (MOST_VOICES if several_voices else 1):
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"voice": ["Too many recordings."]})
    if sum(file.size or 0 for file in [*frames, *voices]) > settings.ENV.capture_max_bytes:
        raise CosmicError(ErrorCode.TOO_LARGE, status=413)
    recordings = [checked_sound(voice) for voice in voices]
    return Bundle(
        frames=[checked_picture(frame) for frame in frames],
        voice=recordings[0] if recordings else None,
        frame_times=_frame_times(request.POST.get("frame_times", ""), len(frames)),
        voices=recordings[1:],
        voice_starts=_voice_starts(request.POST.get("voice_starts", "")),
    )


def checked_picture(file: UploadedFile) -> bytes:
    """The content of a still picture of sane size.

    Raises:
        CosmicError: empty, of another kind, unreadable, animated, too small or too large.
    """
    content = _content(file, declared="image/")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged below
            picture = Image.open(io.BytesIO(content))
            width, height = picture.size
            animated = getattr(picture, "is_animated", False)
    except UnidentifiedImageError as error:
        raise CosmicError(ErrorCode.UNSUPPORTED_MEDIA) from error
    except Image.DecompressionBombError as error:
        raise CosmicError(ErrorCode.IMAGE_TOO_LARGE) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise CosmicError(ErrorCode.IMAGE_UNREADABLE) from error
    if animated:
        raise CosmicError(ErrorCode.IMAGE_ANIMATED)
    if picture.format not in PICTURE_FORMATS:
        raise CosmicError(ErrorCode.UNSUPPORTED_MEDIA)
    if min(width, height) < SMALLEST_SIDE:
        raise CosmicError(ErrorCode.IMAGE_TOO_SMALL)
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise CosmicError(ErrorCode.IMAGE_TOO_LARGE)
    return content


def checked_sound(file: UploadedFile) -> bytes:
    """The content of a recording of sane rate and length.

    Raises:
        CosmicError: empty, of another kind, unreadable, of a wrong rate, or too long.
    """
    content = _content(file, declared="audio/")
    if not content.startswith(SOUND_STARTS):
        raise CosmicError(ErrorCode.UNSUPPORTED_MEDIA)
    try:
        about = TinyTag.get(file_obj=io.BytesIO(content))  # headers alone; the worker decodes, and judges again
    except TinyTagException as error:
        raise CosmicError(ErrorCode.AUDIO_UNREADABLE) from error
    if about.samplerate is None or about.duration is None:
        raise CosmicError(ErrorCode.AUDIO_UNREADABLE)
    if not LOWEST_RATE <= about.samplerate <= HIGHEST_RATE:
        raise CosmicError(ErrorCode.AUDIO_RATE_UNSUPPORTED)
    if about.duration > LONGEST_SECONDS:
        raise CosmicError(ErrorCode.AUDIO_TOO_LONG)
    return content


def _content(file: UploadedFile, *, declared: str) -> bytes:
    if not file.size:
        raise CosmicError(ErrorCode.EMPTY_FILE)
    content_type = (file.content_type or "").lower()
    if content_type not in UNNAMED_TYPES and not content_type.startswith(declared):
        raise CosmicError(ErrorCode.UNSUPPORTED_MEDIA)
    return file.read()


def _voice_starts(text: str) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not abs(seconds) <= FURTHEST_APART:
        message = f"Seconds from the first frame to the first sound, at most {FURTHEST_APART:g} either way."
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"voice_starts": [message]})
    return seconds


def _frame_times(text: str, frames: int) -> list[float]:
    if not text:
        return []
    wrong = CosmicError(ErrorCode.INVALID_REQUEST, fields={"frame_times": ["A JSON list of seconds, one a frame."]})
    try:
        times = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise wrong from error
    if not isinstance(times, list) or len(times) != frames:
        raise wrong
    if not all(isinstance(time, int | float) and not isinstance(time, bool) and math.isfinite(time) for time in times):
        raise wrong
    return [float(time) for time in times]
