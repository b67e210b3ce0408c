"""What ``verify`` and ``identify`` share: reading files, running the cascade here, printing what it says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from apps.audit.services.record import record_event
from apps.errors import SENTENCES, ErrorCode
from apps.identities.gallery import StoredGallery
from apps.identities.models import Person
from apps.identities.services.gallery import answering_pack
from models.errors import ModelMissing
from worker import wiring
from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.types import CaptureUnusable, Claim, Image, Outcome, Sample, Verdict

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
VIDEOS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mjpeg"}
VIDEO_FRAMES_PER_SECOND = 12  # what the scanner page sends
VIDEO_SECONDS = 6
EXIT_CODES = {Outcome.GRANTED: 0, Outcome.DENIED: 1, Outcome.REQUIRE_2FA: 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--face", nargs="+", type=Path, default=[], help="pictures, a folder of them, or one video")
    parser.add_argument("--voice", type=Path, help="a recording: WAV, FLAC or OGG")
    parser.add_argument(
        "--policy",
        choices=[wiring.LOGIN, wiring.COMPARISON],
        default=wiring.LOGIN,
        help="login (default): everything a login needs, so a single still is refused for want of a blink; "
        "comparison: only whether the samples match, which authenticates nobody",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(command: BaseCommand, options: dict, claim: Claim) -> None:
    """Run the cascade over the files named in ``options``, print it, and end with 0, 1 or 2 (see EXIT_CODES)."""
    pack = answering_pack(wiring.settings.ENV.pack)
    try:
        sample = read_sample(options["face"], options["voice"])
        cascade = wiring.cascade(pack)
    except CaptureUnusable as error:
        raise CommandError(f"{error.reason.value}: {SENTENCES[ErrorCode(error.reason.value)]}") from error
    except ModelMissing as error:
        raise CommandError(str(error)) from error
    verdict = cascade.run(
        sample, claim, StoredGallery(pack), wiring.policy_named(options["policy"]), lambda result: None
    )
    record_event(
        action=f"command_line.{'identify' if claim.one_to_many else 'verify'}",
        subject_id=public_id_of(verdict.person_id or claim.person_id),
        result=verdict.outcome.value,
        details={"policy": options["policy"], "reason": verdict.reason.value if verdict.reason else ""},
    )
    values = as_values(verdict, policy=options["policy"])
    if options["json"]:
        command.stdout.write(json.dumps(values, indent=2))
    else:
        print_table(values)
    raise SystemExit(EXIT_CODES[verdict.outcome])


def read_sample(faces: list[Path], voice: Path | None) -> Sample:
    """Read the files named on the command line.

    Raises:
        CommandError: a file is not there, or there is nothing to look at.
        CaptureUnusable: a file cannot be decoded.
    """
    if not faces and voice is None:
        raise CommandError("give --face, --voice or both")
    for path in [*faces, *([voice] if voice else [])]:
        if not path.exists():
            raise CommandError(f"{path} is not there")
    sound = decode_audio(voice.read_bytes()) if voice else None
    if len(faces) == 1 and faces[0].suffix.lower() in VIDEOS:
        frames, times = read_video(faces[0])
        return Sample(frames=frames, frame_times=times, voice=sound)
    pictures = [picture for path in faces for picture in pictures_in(path)]
    return Sample(frames=tuple(decode_image(picture.read_bytes()) for picture in pictures), voice=sound)


def pictures_in(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    return [path]


def read_video(path: Path) -> tuple[tuple[Image, ...], tuple[float, ...]]:
    """Frames (RGB) at about VIDEO_FRAMES_PER_SECOND from the first VIDEO_SECONDS, and their times in seconds."""
    video = cv2.VideoCapture(str(path))
    rate = video.get(cv2.CAP_PROP_FPS) or 25.0
    step = max(1, round(rate / VIDEO_FRAMES_PER_SECOND))
    frames: list[Image] = []
    times: list[float] = []
    index = 0
    while index < rate * VIDEO_SECONDS:
        more, frame = video.read()
        if not more:
            break
        if index % step == 0:
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
            times.append(index / rate)
        index += 1
    video.release()
    if not frames:
        raise CommandError(f"{path} holds no picture that can be read")
    return tuple(frames), tuple(times)


def public_id_of(person_id: int | None) -> str:
    person = Person.objects.filter(pk=person_id).first() if person_id else None
    return str(person.public_id) if person else ""


def as_values(verdict: Verdict, *, policy: str) -> dict:
    names = dict(
        Person.objects.filter(pk__in=[candidate.person_id for candidate in verdict.candidates]).values_list(
            "pk", "user__username"
        )
    )
    person = Person.objects.select_related("user").filter(pk=verdict.person_id).first() if verdict.person_id else None
    return {
        "outcome": verdict.outcome.value,
        "authenticates": policy == wiring.LOGIN,
        "policy": policy,
        "reason": verdict.reason.value if verdict.reason else None,
        "message": SENTENCES[ErrorCode(verdict.reason.value)] if verdict.reason else None,
        "person": person.user.get_username() if person else None,
        "posterior": verdict.posterior,
        "borderline": verdict.borderline,
        "milliseconds": round(verdict.milliseconds, 1),
        "candidates": [
            {"person": names.get(candidate.person_id), "llr": candidate.llr, "posterior": candidate.posterior}
            for candidate in verdict.candidates
        ],
        "stages": [
            {
                "stage": result.stage,
                "outcome": result.outcome.value,
                "reason": result.reason.value if result.reason else None,
                "llr": result.llr,
                "milliseconds": round(result.milliseconds, 1),
                "evidence": result.evidence,
            }
            for result in verdict.results
        ],
    }


def print_table(values: dict) -> None:
    console = Console()
    table = Table(title=f"Cascade, policy {values['policy']}")
    for heading in ("stage", "outcome", "llr", "ms", "evidence"):
        table.add_column(heading, overflow="fold")
    for stage in values["stages"]:
        evidence = ", ".join(f"{name}={value}" for name, value in stage["evidence"].items())
        outcome = f"{stage['outcome']} ({stage['reason']})" if stage["reason"] else stage["outcome"]
        llr = "" if stage["llr"] is None else f"{stage['llr']:+.2f}"
        table.add_row(stage["stage"], outcome, llr, f"{stage['milliseconds']:.1f}", evidence)
    console.print(table)
    who = f" {values['person']}" if values["person"] else ""
    posterior = "" if values["posterior"] is None else f", posterior {values['posterior']:.4f}"
    console.print(f"[bold]{values['outcome']}[/bold]{who}{posterior}, {values['milliseconds']} ms")
    if values["message"]:
        console.print(values["message"])
    if not values["authenticates"]:
        console.print("This was a comparison without liveness: it authenticates nobody.")
