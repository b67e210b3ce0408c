"""Measure ``models.liveness.stream``: ``python -m worker.training.stream --data ../shared/data --out stream.json``.

Every clip is shown as a camera would (bona fide) and as each injected stream that can be made from it. All of them, live
or not, go through the same JPEG last; half of them carry the noise of a simulated sensor. GRID's people were looked at
while the limits were chosen; Celeb-DF's and NUAA's were not, and are reported apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np

from models.evaluation.pad import BONA_FIDE, pad_table
from models.liveness.stream import (
    LEAST_GROWTH,
    LEAST_RATIO,
    LONGEST_STILL,
    MOST_FROZEN,
    MOST_RETURNS,
    StreamReading,
    read_stream,
)
from models.liveness.stream.attacks import ATTACKS, Picture, camera_noise, recoded
from models.training.gate import summary
from worker.engines.detection import MediaPipeDetector
from worker.engines.types import FaceDetector
from worker.training.clips import Clip, clips, look

LEVELS = (0, 0.5, 1)
QUALITY = 90  # that the page sends
CAMERAS = ("as_is", "sensor")
PARTS = {
    "limits_chosen_on": ("grid",),
    "unseen_video": ("celebdf_real", "celebdf_fake"),
    "unseen_slow": ("nuaa",),
}
# Each cue alone: what refuses by it.
ALONE = {
    "frozen_share": lambda one: one.frozen_share > MOST_FROZEN,
    "still_seconds": lambda one: one.still_seconds > LONGEST_STILL,
    "loop_share": lambda one: one.loop_share > MOST_RETURNS,
    "loop_ratio": lambda one: one.loop_ratio < LEAST_RATIO,
    "mirror_ratio": lambda one: one.mirror_ratio < LEAST_RATIO,
    "noise_ratio": lambda one: one.noise_ratio < LEAST_GROWTH,
    "all": lambda one: one.fault is not None,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One stream that was read."""

    clip: str
    dataset: str
    person: str
    camera: str
    instrument: str
    milliseconds: float
    reading: StreamReading


def streams(
    clip: Clip, camera: str, chosen: Collection[str], draw: np.random.Generator
) -> Iterator[tuple[str, list[Picture]]]:
    """(instrument, pictures as the server gets them) of one clip; the sensor's noise is in the clip itself."""
    pictures = [camera_noise(one, draw) for one in clip.pictures] if camera == "sensor" else list(clip.pictures)
    yield BONA_FIDE, [recoded(pictures[index], QUALITY) for index in clip.at(clip.times)]
    for name in chosen:
        attack = ATTACKS[name]
        shown = [attack.touch(pictures[index], draw) for index in clip.at(attack.when(clip.times, draw))]
        yield name, [recoded(one, QUALITY) for one in shown]


def read_all(data: Path, chosen: Collection[str], detector: FaceDetector) -> Iterator[Row]:
    for number, clip in enumerate(clips(data)):
        camera = CAMERAS[number % len(CAMERAS)]
        name = f"{clip.name}/{clip.window}"
        for instrument, pictures in streams(clip, camera, chosen, np.random.default_rng(number)):
            seen = look(pictures, detector)
            if seen is None:
                print(f"no face: {name} {instrument}")
                continue
            began = time.perf_counter()
            reading = read_stream(seen.scenes, seen.faces, clip.times)
            spent = 1000 * (time.perf_counter() - began)
            yield Row(name, clip.dataset, clip.person, camera, instrument, spent, reading)
        print(name, camera, flush=True)


def rates(rows: list[Row]) -> dict[str, dict[str, object]]:
    """APCER and BPCER of all cues together and of each alone."""
    kinds, people = [row.instrument for row in rows], [row.person for row in rows]
    found = {}
    for cue, refuses in ALONE.items():
        scores = np.array([0.0 if refuses(row.reading) else 1.0 for row in rows])
        found[cue] = summary(pad_table(scores, kinds, people, 0.5))
    return found


def quantiles(rows: list[Row]) -> dict[str, dict[str, list[float]]]:
    """Lowest, median and highest value of each cue, by instrument."""
    found: dict[str, dict[str, list[float]]] = {}
    for kind in sorted({row.instrument for row in rows}):
        readings = [row.reading for row in rows if row.instrument == kind]
        found[kind] = {
            name: np.round(np.quantile([getattr(one, name) for one in readings], LEVELS, method="nearest"), 3).tolist()
            for name in ALONE
            if name != "all"
        }
    return found


def report_of(rows: list[Row]) -> dict[str, object]:
    return {
        "bona_fide_windows": sum(row.instrument == BONA_FIDE for row in rows),
        "people": len({row.person for row in rows}),
        "faults": Counter(f"{row.instrument}: {row.reading.fault}" for row in rows),
        "milliseconds": float(np.median([row.milliseconds for row in rows])),
        "rates": rates(rows),
        "cues": quantiles(rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--instruments", nargs="+", choices=list(ATTACKS), default=list(ATTACKS))
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    rows = list(read_all(chosen.data, chosen.instruments, MediaPipeDetector()))
    parts = {name: [row for row in rows if row.dataset in sets] for name, sets in PARTS.items()}
    report = {name: report_of(part) for name, part in parts.items() if part}
    kept = [dataclasses.asdict(row) for row in rows]
    chosen.out.write_text(json.dumps({"parts": report, "rows": kept}, indent=1))
    print(json.dumps({name: part["faults"] for name, part in report.items()}, indent=1))


if __name__ == "__main__":
    main()
