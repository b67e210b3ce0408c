"""What comes through the door: everything that is not a capture is refused, with a stable code and a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.permissions import Scope
from apps.verification.models import Capture
from tests import media
from tests.factories import UserFactory, token_header

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PICTURE = np.full((64, 64, 3), 128, np.uint8)
SOUND = np.sin(np.arange(32_000) / 20).astype(np.float32) * 0.3


def picture(content: bytes, *, content_type: str = "image/jpeg") -> dict:
    return {"frames": SimpleUploadedFile("a", content, content_type)}


def sound(content: bytes, *, content_type: str = "audio/wav") -> dict:
    return {"voice": SimpleUploadedFile("a", content, content_type)}


def claimed_png(width: int, height: int) -> bytes:
    """A few bytes of PNG that say they are an enormous picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def animated_webp() -> bytes:
    frames = [Image.fromarray(np.full((64, 64, 3), level, np.uint8)) for level in (0, 90, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def animated_gif() -> bytes:
    frames = [Image.fromarray(np.full((64, 64), level, np.uint8)) for level in (0, 90, 200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


CASES = [
    ("nothing at all", {}, "media_missing"),
    ("0 bytes of picture", picture(b""), "empty_file"),
    ("0 bytes of sound", sound(b""), "empty_file"),
    ("not a picture", picture(b"hello, I am text"), "unsupported_media"),
    ("a web page that says it is a picture", picture(b"<html></html>"), "unsupported_media"),
    ("a picture that says it is text", picture(media.jpeg(PICTURE), content_type="text/plain"), "unsupported_media"),
    ("a sound as a picture", picture(media.wav(SOUND)), "unsupported_media"),
    ("a picture as a sound", sound(media.jpeg(PICTURE)), "unsupported_media"),
    ("a JPEG header and no more", picture(media.jpeg(PICTURE)[:30]), "image_unreadable"),
    ("1x1", picture(media.png(PICTURE[:1, :1])), "image_too_small"),
    ("20,000x20,000", picture(claimed_png(20_000, 20_000), content_type="image/png"), "image_too_large"),
    ("a decompression bomb", picture(claimed_png(60_000, 60_000), content_type="image/png"), "image_too_large"),
    ("an animated GIF", picture(animated_gif(), content_type="image/gif"), "image_animated"),
    ("an animated WebP", picture(animated_webp(), content_type="image/webp"), "image_animated"),
    ("sound at 8 kHz", sound(media.wav(SOUND, rate=8_000)), "audio_rate_unsupported"),
    ("sound of 61 s", sound(media.wav(np.zeros(61 * 16_000, np.float32))), "audio_too_long"),
    ("a RIFF header and no more", sound(b"RIFF\0\0\0\0WAVE"), "audio_unreadable"),
    ("one time for no frame", picture(media.jpeg(PICTURE)) | {"frame_times": "[0, 1]"}, "invalid_request"),
    ("times that are no numbers", picture(media.jpeg(PICTURE)) | {"frame_times": '["a"]'}, "invalid_request"),
    ("times that are not finite", picture(media.jpeg(PICTURE)) | {"frame_times": "[NaN]"}, "invalid_request"),
]


@pytest.fixture
def caller(client: Client) -> Client:
    client.defaults |= token_header(UserFactory(), Scope.VERIFY)
    return client


def nonce_for(caller: Client) -> str:
    answer = caller.post("/api/v1/captures/ticket", {"purpose": "verify"}, content_type="application/json")
    return answer.json()["nonce"]


@pytest.mark.parametrize(("files", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bad_media_is_refused_with_its_code(caller: Client, files: dict, code: str):
    for file in files.values():
        if hasattr(file, "seek"):
            file.seek(0)

    answer = caller.post("/api/v1/verify", {"nonce": nonce_for(caller), "username": "ada", **files})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert error["message"].endswith(".")
    assert not Capture.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"username": "ada"}, 400, "nonce_missing"),
        ({"username": "ada", "nonce": "made-up"}, 400, "nonce_unknown"),
        ({"nonce": "x"}, 400, "invalid_request"),
        ({"nonce": "x", "username": "a" * 151}, 400, "invalid_request"),
    ],
)
def test_missing_and_made_up_fields(caller: Client, fields: dict, status: int, code: str):
    answer = caller.post("/api/v1/verify", {**fields, **picture(media.jpeg(PICTURE))})

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_too_many_frames(caller: Client, settings):
    frames = [SimpleUploadedFile("a", media.jpeg(PICTURE)) for _ in range(settings.ENV.capture_max_frames + 1)]

    answer = caller.post("/api/v1/verify", {"nonce": nonce_for(caller), "username": "ada", "frames": frames})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_many_frames")


def test_json_where_a_form_is_due(caller: Client):
    answer = caller.post("/api/v1/verify", {"username": "ada"}, content_type="application/json")

    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media")


def test_nobody_without_a_token(client: Client):
    answer = client.post("/api/v1/verify", {"username": "ada"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"]


def test_a_stranger_at_the_login_page_learns_nothing_about_accounts(client: Client):
    answers = []
    for name, quality in (("ada", 90), ("nobody", 91)):  # the same pictures are taken once
        nonce = client.post("/login/ticket").json()["nonce"]
        shown = picture(media.jpeg(PICTURE, quality=quality))
        sent = client.post("/login/capture", {"nonce": nonce, "username": name, **shown})
        job = sent.json()["job"]
        answers.append((sent.status_code, {key: job[key] for key in ("status", "stages", "challenge", "decision")}))

    assert answers[0] == answers[1]
    assert answers[0][0] == 202
