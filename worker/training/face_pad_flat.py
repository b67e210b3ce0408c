"""Captures for the flatness gate: live clips, photographs that a hand moves, bent paper, moving screens.

Few live clips are at hand (two people of Celeb-DF, six clips of GRID), so turning heads are also simulated from stills
by the depth of their meshes. They train, and are counted apart from live ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models.evaluation.intervals import wilson
from models.evaluation.pad import BONA_FIDE
from models.liveness.cues.flatness import FEWEST, flatness_cues
from models.liveness.moved import (
    FRAMES,
    HEIGHT,
    RATE,
    WIDTH,
    Movement,
    bent_frames,
    flat_frames,
    hand_movement,
    head_frames,
)
from models.training.gate import GateTable
from worker.engines.types import FaceDetector, Image, LandmarkEngine, Mesh
from worker.training.face_pad_pictures import clip, clip_folders, clip_subject, read

FLAT, BENT, SCREEN = "simulated_flat_photograph", "simulated_bent_photograph", "simulated_moving_screen"
STEEP = "simulated_steep_photograph"
HELD = "nuaa_hand_held_print"
SIMULATED_HEADS = "simulated_heads"
# What the gate weighs. The opening of lids and lips is read beside it: a photograph with its eyes cut out has it too.
WEIGHED = ("kept", "parallax", "depth_share")
LFW_STILLS, FFHQ_STILLS, NUAA_STILLS, GRID_STILLS = 30, 12, 1, 1  # people, people, a person, a clip
STEEP_EVERY, STEEP_SEED, STEEPEST = 2, 20_000, 45.0  # stills, seed, degrees
REPLAYS = 2  # movements a clip
LONGEST = 512  # pixels, to which large stills are shrunk


@dataclass(frozen=True, slots=True)
class Capture:
    """Frames at ``times`` seconds. ``tilt`` is how far a simulation may turn, in degrees; None for live clips."""

    frames: Iterable[Image]
    times: NDArray[np.float64]
    subject: str
    dataset: str
    instrument: str = BONA_FIDE
    tilt: float | None = None


@dataclass(frozen=True, slots=True)
class Meshed:
    """A capture's meshes, None where there was no face."""

    meshes: tuple[Mesh | None, ...]
    times: NDArray[np.float64]
    subject: str
    dataset: str
    instrument: str
    tilt: float | None


def captures(data: Path, detector: FaceDetector, landmarks: LandmarkEngine) -> Iterator[Capture]:
    """Everything that the flatness gate is made from, of the folder of data sets ``data``."""
    for clip_seed, (name, subject, frames, times) in enumerate(live(data)):
        yield Capture(frames, times, subject, name)
        for replay in range(REPLAYS):
            seed = 10_000 + 100 * clip_seed + replay
            movement = hand_movement(seed, frames=len(frames))
            yield Capture(flat_frames(frames, movement, seed), times, subject, name, SCREEN, _tilt(movement))
    yield from held(data)
    for seed, (still, subject, name) in enumerate(stills(data)):
        times, movement = np.arange(FRAMES) / RATE, hand_movement(seed)
        tilt = _tilt(movement)
        yield Capture(flat_frames([still], movement, seed), times, subject, name, FLAT, tilt)
        if seed % STEEP_EVERY == 0:
            steep = hand_movement(STEEP_SEED + seed, tilt=STEEPEST)
            yield Capture(flat_frames([still], steep, seed), times, subject, name, STEEP, _tilt(steep))
        yield Capture(bent_frames(still, movement, seed), times, subject, name, BENT, tilt)
        shown = scene(still)
        faces = detector.detect(shown)
        mesh = landmarks.mesh(shown, faces[0]) if faces else None
        if mesh is not None:
            yield Capture(head_frames(shown, mesh, movement, seed), times, subject, SIMULATED_HEADS, tilt=tilt)


def live(data: Path) -> Iterator[tuple[str, str, list[Image], NDArray[np.float64]]]:
    """Windows of four seconds (or the whole clip, where it is shorter) at about 12 frames a second."""
    for name, folder in clip_folders(data).items():
        for path in sorted(folder.iterdir()):
            rate, frames = float(cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS)), clip(path)
            chosen = np.round(np.arange(0, len(frames) - 1, rate / RATE)).astype(int)
            windows = [chosen[start : start + FRAMES] for start in range(0, len(chosen), FRAMES)]
            for window in windows:
                if len(window) >= min(FRAMES, len(chosen)):
                    yield name, f"{name}/{clip_subject(path)}", [frames[i] for i in window], (window - window[0]) / rate


def held(data: Path) -> Iterator[Capture]:
    """NUAA's people and its prints, which were moved, turned and bent by hand while they were filmed.

    Its frames are a third of a second and more apart; they are given to the gate as if they were neighbours.
    """
    for instrument, place in ((BONA_FIDE, "bona_fide"), (HELD, "print")):
        for subject in sorted((data / "pad" / "nuaa" / place).iterdir()):
            ordered = sorted(subject.iterdir(), key=_session_and_number)
            for _, group in groupby(ordered, key=lambda path: _session_and_number(path)[0]):
                paths = list(group)
                for start in range(0, len(paths), FRAMES):
                    frames = [read(path) for path in paths[start : start + FRAMES]]
                    if len(frames) >= FEWEST:
                        times = np.arange(len(frames)) / RATE
                        yield Capture(frames, times, f"nuaa/{subject.name}", "nuaa", instrument)


def _session_and_number(path: Path) -> tuple[str, int]:
    session, number = path.stem.rsplit("_", 1)
    return session, int(number)


def stills(data: Path) -> Iterator[tuple[Image, str, str]]:
    """A still, who is on it, and where it comes from."""
    people = sorted((data / "faces" / "lfw").iterdir())
    for folder in people[3 :: len(people) // LFW_STILLS]:
        yield read(min(folder.iterdir())), f"lfw/{folder.name}", "lfw"
    for path in sorted((data / "deepfake" / "whole_face" / "ffhq").iterdir())[:FFHQ_STILLS]:
        small = cv2.resize(read(path), (LONGEST, LONGEST), interpolation=cv2.INTER_AREA)
        yield np.asarray(small, np.uint8), f"ffhq/{path.stem}", "ffhq"
    for folder in sorted((data / "pad" / "nuaa" / "bona_fide").iterdir()):
        for path in sorted(folder.iterdir())[:NUAA_STILLS]:
            yield read(path), f"nuaa/{folder.name}", "nuaa"
    for path in sorted(clip_folders(data)["grid"].iterdir()):
        for frame in clip(path)[:GRID_STILLS]:
            yield frame, f"grid/{path.stem}", "grid"


def scene(still: Image) -> Image:
    """A still as a camera's whole picture, its edge repeated around it."""
    fit = min(WIDTH / still.shape[1], HEIGHT / still.shape[0])
    small = cv2.resize(still, (round(still.shape[1] * fit), round(still.shape[0] * fit)), interpolation=cv2.INTER_AREA)
    down, right = HEIGHT - small.shape[0], WIDTH - small.shape[1]
    edges = (down // 2, down - down // 2, right // 2, right - right // 2)
    return cv2.copyMakeBorder(small, *edges, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def meshed(found: Iterable[Capture], detector: FaceDetector, landmarks: LandmarkEngine) -> list[Meshed]:
    """The meshes of all captures."""
    kept = []
    for one in tqdm(found, desc="captures", disable=None):
        meshes = []
        for frame in one.frames:
            faces = detector.detect(frame)
            meshes.append(landmarks.mesh(frame, faces[0]) if faces else None)
        kept.append(Meshed(tuple(meshes), one.times, one.subject, one.dataset, one.instrument, one.tilt))
    return kept


def keep(found: Sequence[Meshed], path: Path) -> None:
    """All captures' meshes in one file; what has no mesh is no number there."""
    missing = np.full((478, 3), np.nan, np.float32)
    rows = [mesh if mesh is not None else missing for one in found for mesh in one.meshes]
    np.savez(
        path,
        meshes=np.stack(rows),
        lengths=np.array([len(one.meshes) for one in found]),
        times=np.concatenate([one.times for one in found]),
        tilt=np.array([np.nan if one.tilt is None else one.tilt for one in found]),
        subject=np.array([one.subject for one in found]),
        dataset=np.array([one.dataset for one in found]),
        instrument=np.array([one.instrument for one in found]),
    )


def read_kept(path: Path) -> list[Meshed]:
    kept, found, start = np.load(path), [], 0
    meshes, times = kept["meshes"], kept["times"]
    for index, length in enumerate(kept["lengths"]):
        of_one = tuple(None if np.isnan(mesh).any() else mesh for mesh in meshes[start : start + length])
        tilt = float(kept["tilt"][index])
        subject, dataset, instrument = (str(kept[part][index]) for part in ("subject", "dataset", "instrument"))
        known = None if np.isnan(tilt) else tilt
        found.append(Meshed(of_one, times[start : start + length], subject, dataset, instrument, known))
        start += length
    return found


def flat_table(found: Sequence[Meshed]) -> tuple[GateTable, NDArray[np.bool_]]:
    """Cues of the captures that moved enough to tell, and (captures,) which those are."""
    cues = [flatness_cues(one.meshes, one.times) for one in found]
    told = np.array([one is not None for one in cues])
    kept = [one for one, known in zip(found, told, strict=True) if known]
    values = np.array([list(one.values().values()) for one in cues if one is not None])
    labels = (np.array([getattr(one, part) for one in kept]) for part in ("instrument", "subject", "dataset"))
    names = tuple(next(one for one in cues if one is not None).values())
    return GateTable(names, values, *labels), told


def verdicts(
    found: Sequence[Meshed], told: NDArray[np.bool_], answers: NDArray[np.str_]
) -> dict[str, dict[str, object]]:
    """By instrument (for bona fide captures: by data set) how many passed, were refused, or did not tell.

    Arguments:
        answers: (told captures,) passed, refused or unsure.
    """
    all_answers = np.full(len(found), "still", dtype="<U7")
    all_answers[told] = answers
    kinds = np.array([f"{BONA_FIDE}/{o.dataset}" if o.instrument == BONA_FIDE else o.instrument for o in found])
    counts: dict[str, dict[str, object]] = {}
    for kind in np.unique(kinds):
        of_kind = all_answers[kinds == kind]
        people = {one.subject for one, its in zip(found, kinds, strict=True) if its == kind}
        counts[str(kind)] = {"captures": len(of_kind), "subjects": len(people)}
        for answer in ("passed", "refused", "unsure", "still"):
            number = int((of_kind == answer).sum())
            interval = wilson(number, len(of_kind))
            ends = [round(interval.low, 4), round(interval.high, 4)]
            counts[str(kind)][answer] = {"captures": number, "interval": ends}
    return counts


def _tilt(movement: Movement) -> float:
    return float(np.abs(movement.angles[:, :2]).max())
