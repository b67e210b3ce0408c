"""How well presence frames tell that the reader of an open message is still there.

    python -m worker.training.presence --data ../shared/data --models ../shared/models --pack builtin

Clips of people (``worker.training.clips``), two frames a second, made as small as the page sends them. A person's
reference is a picture of another stretch of theirs. Counted are stretches in which the reader is lost at least once (what
a reader is bothered by), frames of other people taken for the reader, and stretches of printed photographs (NUAA) and of
one still picture that are never called not live.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from models.evaluation.intervals import wilson
from worker import runtime
from worker.cascade.decode import decode_image
from worker.cascade.presence import Presence, Remembered, watch
from worker.engines.types import Engines, Image, Vector
from worker.training.clips import Clip, clips

RATE = 2.0  # frames a second
QUALITY = 75  # of the JPEG, as the page sends it


def sent(picture: Image, width: int) -> Image:
    """A picture as the worker gets it."""
    height = round(picture.shape[0] * width / picture.shape[1])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) if width < picture.shape[1] else picture
    _, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return decode_image(content.tobytes())


def stretch(clip: Clip, width: int) -> list[Image]:
    moments = np.arange(0, clip.times[-1], 1 / RATE)
    return [sent(clip.pictures[index], width) for index in clip.at(moments)]


def seen(frames: Sequence[Image], references: Sequence[Vector], engines: Engines) -> tuple[list[Presence], list[float]]:
    """What each frame shows, and how much each face changed against the one before."""
    memory = Remembered()
    found: list[Presence] = []
    changes: list[float] = []
    for frame in frames:
        presence, memory = watch(frame, references, memory, engines)
        found.append(presence)
        changes += memory.changes[-1:]
    return found, changes


def reference(clip: Clip, engines: Engines) -> list[Vector]:
    picture = np.asarray(clip.pictures[len(clip.pictures) // 2], np.uint8)
    faces = engines.detector.detect(picture)
    return [engines.face.embed(picture, faces[0])] if faces else []


def photographs(data: Path, width: int, engines: Engines) -> dict[str, object]:
    """Printed photographs of the reader, held to the camera after the unlock: frames in the order of their files."""
    called, of = 0, 0
    for folder in sorted(folder for folder in (data / "pad" / "nuaa").glob("*/*") if "bona" not in folder.parent.name):
        pictures = [read(path) for path in sorted(folder.iterdir())[:12]]
        frames = [sent(picture, width) for picture in pictures]
        faces = engines.detector.detect(frames[0])
        if not faces:
            continue
        found, _ = seen(frames, [engines.face.embed(frames[0], faces[0])], engines)
        of += 1
        called += Presence.NOT_LIVE in found
    return {"width": width, "printed photographs called not live": rate(called, of)}


def read(path: Path) -> Image:
    return np.asarray(cv2.cvtColor(np.asarray(cv2.imread(str(path)), np.uint8), cv2.COLOR_BGR2RGB), np.uint8)


def rate(hits: int, of: int) -> dict[str, object]:
    interval = wilson(hits, of)
    return {"hits": hits, "of": of, "rate": round(hits / of, 4), "low": interval.low, "high": interval.high}


def measure(data: Path, width: int, engines: Engines) -> dict[str, object]:
    every = [clip for clip in clips(data) if clip.dataset in ("grid", "celebdf_real", "nuaa")]
    references = {(clip.person, clip.name, clip.window): reference(clip, engines) for clip in every}
    lost = frames_lost = taken = strangers = 0
    quietest: list[float] = []
    people: set[str] = set()
    causes: Counter[str] = Counter()
    judged = frames = 0
    for clip in every:
        own = [found for (person, *place), found in references.items() if person == clip.person]
        others = [
            found
            for (person, name, window), found in references.items()
            if person == clip.person and (name, window) != (clip.name, clip.window)
        ]
        if len(own) < 2:
            continue
        shown = stretch(clip, width)
        kept = [vector for found in others[:3] for vector in found]
        found, changes = seen(shown, kept, engines)
        judged, frames, people = judged + 1, frames + len(found), people | {clip.person}
        lost += any(one is not Presence.PRESENT for one in found)
        frames_lost += sum(one is not Presence.PRESENT for one in found)
        causes.update(f"{clip.dataset}: {one}" for one in found)
        quietest += changes
        stranger = next(
            (vectors for (person, *_), vectors in references.items() if person != clip.person and vectors), []
        )
        other, _ = seen(shown, stranger, engines)
        strangers += len(other)
        taken += sum(one in (Presence.PRESENT, Presence.NOT_LIVE) for one in other)
    return {
        "width": width,
        "people": len(people),
        "stretches with the reader lost at least once": rate(lost, judged),
        "frames with the reader lost": rate(frames_lost, frames),
        "frames of other people taken for the reader": rate(taken, strangers),
        "by data set": dict(causes.most_common()),
        "least change between two faces, grey levels": min(quietest, default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--pack", default="builtin")
    parser.add_argument("--state", type=Path, default=Path("var"))
    parser.add_argument("--widths", type=int, nargs="+", default=[320, 480])
    arguments = parser.parse_args()
    runtime.configure(
        models_dir=arguments.models,
        state_dir=arguments.state,
        threads=1,
        providers=["CPUExecutionProvider"],
        fusion="auto",
    )
    engines = runtime.get(arguments.pack)
    for width in arguments.widths:
        print(json.dumps(measure(arguments.data, width, engines), indent=1))
        print(json.dumps(photographs(arguments.data, width, engines), indent=1))


if __name__ == "__main__":
    main()
