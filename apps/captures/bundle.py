"""What one capture carries, and its form on disk: a zip archive without compression, sealed as a whole."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bundle:
    """Files as they came.

    Arguments:
        frames: encoded pictures in the order of time.
        voice: an encoded recording, or None.
        frame_times: seconds since the first frame, one a frame, or empty.
        voices: further recordings, which only an enrolment carries.
        voice_starts: seconds from the first frame to the first sound of ``voice``.
    """

    frames: list[bytes] = field(default_factory=list)
    voice: bytes | None = None
    frame_times: list[float] = field(default_factory=list)
    voices: list[bytes] = field(default_factory=list)
    voice_starts: float = 0.0

    @property
    def recordings(self) -> list[bytes]:
        """All recordings; an enrolment may carry several."""
        return ([self.voice] if self.voice is not None else []) + self.voices


def pack(bundle: Bundle) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for index, frame in enumerate(bundle.frames):
            archive.writestr(f"frames/{index:04d}", frame)
        if bundle.voice is not None:
            archive.writestr("voice", bundle.voice)
        for index, voice in enumerate(bundle.voices):
            archive.writestr(f"voices/{index:04d}", voice)
        archive.writestr(
            "meta.json", json.dumps({"frame_times": bundle.frame_times, "voice_starts": bundle.voice_starts})
        )
    return buffer.getvalue()


def unpack(data: bytes) -> Bundle:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = sorted(archive.namelist())
        meta = json.loads(archive.read("meta.json"))
        return Bundle(
            frames=[archive.read(name) for name in names if name.startswith("frames/")],
            voice=archive.read("voice") if "voice" in names else None,
            frame_times=meta["frame_times"],
            voice_starts=meta.get("voice_starts", 0.0),  # captures of COSMIC 1.0 lack it
            voices=[archive.read(name) for name in names if name.startswith("voices/")],
        )
