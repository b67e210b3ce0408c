"""Measure ``models.liveness.replay``: ``python -m worker.training.replay --data ../shared/data --out replay.json``.

Attacks: every clip sent again after each treatment. Bona fide: another stretch or another recording of the same person,
often seconds later in the same light, which is nearer than a second login will be. Templates are dlib's, the mean of
three frames drawn from a capture, as a login's is. Voices: recordings of RAVDESS again after a treatment, against the
same sentence said again by the same actor with the same emotion.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from models.evaluation.pad import BONA_FIDE, pad_table
from models.liveness.replay import SAME_SOUND, ReplayReading, Trace, compare_traces, trace_of
from models.liveness.soundprint import likeness, soundprint
from models.liveness.stream.attacks import GAUSSIAN, Draw, Picture, camera_noise, noisy, recoded
from models.registry import Places, locate
from models.training.gate import summary
from worker import runtime
from worker.engines.detection import MediaPipeDetector
from worker.engines.recognition import DlibEmbedder
from worker.engines.types import FaceDetector, FaceEmbedder
from worker.training.clips import Clip, clips, look

QUALITY = 90
CUES = ("nearest_frames", "nearest_motion", "nearest_steps", "face_cosine")
TEMPLATE_FRAMES = 3
WINDOWS, SWAPPED = 2, "celebdf_fake"  # so many stretches of a clip; a swapped one says nothing new here
OFFSET = 0.04  # seconds by which a clip is sampled at other moments
ACTORS_ATTACKED = 6  # recordings of each actor that are sent again
Treatment = Callable[[list[Picture], Draw], list[Picture]]
Sound = NDArray[np.float32]


def cropped(pictures: list[Picture], draw: Draw) -> list[Picture]:
    """Five per cent of each side are cut off, and what is left is enlarged."""
    height, width = pictures[0].shape[:2]
    down, across = int(0.05 * height), int(0.05 * width)
    pieces = [one[down : height - down, across : width - across] for one in pictures]
    return [np.asarray(cv2.resize(one, (width, height)), np.uint8) for one in pieces]


def brighter(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return [np.clip(1.15 * one + 8, 0, 255).astype(np.uint8) for one in pictures]


def shuffled(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return [pictures[index] for index in draw.permutation(len(pictures))]


def mirrored(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return [np.ascontiguousarray(one[:, ::-1]) for one in pictures]


def made_noisy(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return [noisy(2 * GAUSSIAN)(one, draw) for one in pictures]


def everything(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return shuffled(made_noisy(brighter(cropped(pictures, draw), draw), draw), draw)


def first_half(pictures: list[Picture], draw: Draw) -> list[Picture]:
    return pictures[: len(pictures) // 2]


TREATMENTS: dict[str, Treatment] = {
    "recoded": lambda pictures, draw: [recoded(one, 60) for one in pictures],
    "cropped": cropped,
    "brighter": brighter,
    "noisy": made_noisy,
    "mirrored": mirrored,
    "first_half": first_half,
    "everything": everything,
}
RETIMED = {"retimed_everything": everything}


def captures(clip: Clip, draw: Draw) -> Iterator[tuple[str, list[Picture]]]:
    """(what was done, pictures as the server gets them); the genuine capture first."""
    pictures = [camera_noise(one, draw) for one in clip.pictures]
    sent = [recoded(pictures[index], QUALITY) for index in clip.at(clip.times)]
    yield BONA_FIDE, sent
    for name, treat in TREATMENTS.items():
        yield name, [recoded(one, QUALITY) for one in treat(sent, draw)]
    between = [pictures[index] for index in clip.at(clip.times + OFFSET)]
    for name, treat in RETIMED.items():
        yield name, [recoded(one, QUALITY) for one in treat(between, draw)]


@dataclass(frozen=True, slots=True)
class Eyes:
    detector: FaceDetector
    embedder: FaceEmbedder


def eyes(folder: Path) -> Eyes:
    """What the built-in pack looks with."""
    places = Places(models_dir=None, state_dir=folder)
    card = runtime.card("dlib_resnet", "face", "builtin", places, calibrated=False)
    weights, landmarks = (locate(name, places) for name in ("dlib_resnet", "dlib_landmarks"))
    return Eyes(MediaPipeDetector(), DlibEmbedder(weights, landmarks, card))


def traced(pictures: list[Picture], engines: Eyes, draw: Draw) -> Trace | None:
    seen = look(pictures, engines.detector)
    if seen is None:
        return None
    stretches = np.array_split(np.arange(len(pictures)), TEMPLATE_FRAMES)
    chosen = [int(draw.choice(stretch)) for stretch in stretches]
    total = np.sum([engines.embedder.embed(pictures[index], seen.found[index]) for index in chosen], axis=0)
    return trace_of(list(seen.prints), total / np.linalg.norm(total), None, None)


def faces(data: Path, engines: Eyes) -> dict[str, object]:
    genuine: list[tuple[Clip, Trace]] = []
    rows: list[tuple[str, str, str, ReplayReading]] = []
    for number, clip in enumerate(one for one in clips(data) if one.window < WINDOWS and one.dataset != SWAPPED):
        draw = np.random.default_rng(number)
        for kind, pictures in captures(clip, draw):
            trace = traced(pictures, engines, draw)
            if trace is None:
                print(f"no face: {clip.name} {clip.window} {kind}")
            elif kind == BONA_FIDE:
                genuine.append((clip, trace))
            else:
                rows.append((kind, clip.dataset, clip.person, compare_traces(trace, [genuine[-1][1]])))
        print(clip.name, clip.window, flush=True)
    for (clip, trace), (other, before) in combinations(genuine, 2):
        if clip.dataset.split("_")[0] == other.dataset.split("_")[0] and clip.person == other.person:
            kind = clip.dataset if clip.name == other.name else f"{clip.dataset}, another recording"
            rows.append((BONA_FIDE, kind, clip.person, compare_traces(trace, [before])))
    return faces_report(rows) | {"trace": size_and_time([trace for _, trace in genuine])}


def faces_report(rows: list[tuple[str, str, str, ReplayReading]]) -> dict[str, object]:
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for kind, dataset, _, reading in rows:
        for cue in CUES:
            values[f"{kind} ({dataset.split('_')[0]})"][cue].append(getattr(reading, cue))
    scores = np.array([0.0 if reading.replayed else 1.0 for *_, reading in rows])
    table = pad_table(scores, [row[0] for row in rows], [row[2] for row in rows], 0.5)
    return {
        "rates": summary(table),
        "cues": {kind: {cue: spread(found) for cue, found in cues.items()} for kind, cues in values.items()},
        "rows": [[kind, dataset, person, *numbers(reading)] for kind, dataset, person, reading in rows],
    }


def numbers(reading: ReplayReading) -> list[float]:
    return [round(getattr(reading, cue), 4) for cue in CUES]


def spread(values: list[float]) -> list[float]:
    """Lowest, median, highest, and how many."""
    return [*np.round(np.quantile(values, (0, 0.5, 1), method="nearest"), 4).tolist(), len(values)]


def size_and_time(traces: list[Trace]) -> dict[str, float]:
    whole = [one for one in traces if len(one.frames) == 48]
    times = []
    for first, second in combinations(whole[:8], 2):
        began = time.perf_counter()
        compare_traces(first, [second])
        times.append(1000 * (time.perf_counter() - began))
    return {"bytes": len(whole[0].to_bytes()), "compare_milliseconds": float(np.median(times))}


def quieter(sound: Sound, draw: Draw) -> Sound:
    return (0.3 * sound).astype(np.float32)


def hissing(decibels: float) -> Callable[[Sound, Draw], Sound]:
    def treat(sound: Sound, draw: Draw) -> Sound:
        noise = draw.normal(0, sound.std() * 10 ** (-decibels / 20), len(sound))
        return (sound + noise).astype(np.float32)

    return treat


def telephone(sound: Sound, draw: Draw) -> Sound:
    return sosfilt(butter(4, (300, 3400), "bandpass", fs=16_000, output="sos"), sound).astype(np.float32)


def beheaded(sound: Sound, draw: Draw) -> Sound:
    return sound[len(sound) // 4 + 77 :]


def faster(share: float) -> Callable[[Sound, Draw], Sound]:
    def treat(sound: Sound, draw: Draw) -> Sound:
        places = np.arange(0, len(sound) - 1, 1 + share)
        return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)

    return treat


SOUNDS: dict[str, Callable[[Sound, Draw], Sound]] = {
    "quieter": quieter,
    "noise_20_db": hissing(20),
    "noise_10_db": hissing(10),
    "telephone_band": telephone,
    "first_quarter_cut": beheaded,
    "faster_1_percent": faster(0.01),
    "faster_3_percent": faster(0.03),
}


def voices(data: Path) -> dict[str, object]:
    """A file that the corpus holds twice under two names is counted once."""
    draw = np.random.default_rng(0)
    found: list[tuple[str, str, float]] = []
    for actor in sorted((data / "speech" / "ravdess").iterdir()):
        sounds = {path.stem: soundfile.read(path, dtype="float32")[0] for path in sorted(actor.iterdir())}
        prints = {name: soundprint(sound) for name, sound in sounds.items()}
        for first, second in combinations(sounds, 2):
            if first.split("-")[2:5] == second.split("-")[2:5] and not same(sounds[first], sounds[second]):
                found.append((BONA_FIDE, actor.name, likeness(prints[first], prints[second])))
        for name in list(sounds)[:ACTORS_ATTACKED]:
            for kind, treat in SOUNDS.items():
                match = likeness(soundprint(treat(sounds[name], draw)), prints[name])
                found.append((kind, actor.name, match))
    scores = np.array([-match for *_, match in found])
    table = pad_table(scores, [row[0] for row in found], [row[1] for row in found], -SAME_SOUND + 1e-9)
    kinds = {row[0] for row in found}
    return {
        "rates": summary(table),
        "match": {kind: spread([row[2] for row in found if row[0] == kind]) for kind in sorted(kinds)},
    }


def same(first: Sound, second: Sound) -> bool:
    return first.shape == second.shape and bool(np.array_equal(first, second))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    report = {"voices": voices(chosen.data), "faces": faces(chosen.data, eyes(chosen.out.parent))}
    chosen.out.write_text(json.dumps(report, indent=1))
    for part in report.values():
        print(json.dumps(part["rates"]))


if __name__ == "__main__":
    main()
