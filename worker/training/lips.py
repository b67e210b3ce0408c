"""Calibrate and measure the judgement of lips and voice: ``python -m worker.training.lips --data <folder>``.

The folder holds ``<person>/<clip>.<mpg|mp4|avi>`` with the sound beside it as ``<clip>.flac`` or ``.wav`` (16 kHz,
mono): nothing here takes sound out of a film. Attacks are made from the clips themselves (models.lips.presentations).
Films in ``--films`` have moving faces but no sound; with the clips' voices they only measure, and train nothing.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from sklearn.metrics import roc_auc_score

from models.evaluation.intervals import wilson
from models.evaluation.pad import BONA_FIDE
from models.gates import write_gate
from models.lips.agreement import CUES
from models.lips.presentations import Clip, Presentation, captured, presentations
from models.registry import Places, locate
from models.training.gate import GateTable, cross_measure, fit_gate, llrs_of, summary
from worker.engines.detection import MediaPipeDetector
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.lips import NETWORK_CUES, LightAsdScores, lip_cues
from worker.engines.sessions import SessionOptions
from worker.engines.speech_activity import SileroActivity
from worker.engines.types import SAMPLE_RATE, Image

log = logging.getLogger(__name__)
FILMS, SOUNDS = (".mpg", ".mp4", ".avi"), (".flac", ".wav")
LONGEST_SIDE = 640  # pixels of a picture, as a browser sends them
FILM_SECONDS = 3.0
GATES = {"lips": CUES, "lips_light_asd": (*CUES, *NETWORK_CUES)}
ABLATION = {"opening alone": CUES, "network alone": NETWORK_CUES[:2], "both": (*CUES, *NETWORK_CUES)}
OTHER_FILM = "other_film"


@dataclass(frozen=True, slots=True)
class Judges:
    """What measures a presentation."""

    detector: MediaPipeDetector
    meshes: MediaPipeMesh
    speech: SileroActivity
    network: LightAsdScores | None

    def cues(self, shown: Presentation) -> dict[str, float]:
        """Raises ValueError where there is too little to tell."""
        found = [self.detector.detect(frame) for frame in shown.frames]
        kept = [index for index, faces in enumerate(found) if faces]
        faces = [found[index][0] for index in kept]
        frames = [shown.frames[index] for index in kept]
        meshes = [self.meshes.mesh(frame, face) for frame, face in zip(frames, faces, strict=True)]
        speech = self.speech.segments(shown.voice)
        return lip_cues(frames, faces, meshes, shown.times[kept], shown.voice, speech, self.network)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = _arguments()
    wanted.output.mkdir(parents=True, exist_ok=True)
    judges = _judges(wanted)
    clips = [_clip(path, judges.speech) for path in _films(wanted.data)]
    silent = [_film(path) for path in _films(wanted.films)] if wanted.films else []
    rng = np.random.default_rng(wanted.seed)
    measured = measure(_shown(clips, silent, wanted.times, rng), judges, wanted.dataset)
    for kind, missed in sorted(measured.untold.items()):
        log.info("%s: %d captures had too little to tell", kind, missed)
    for name, cues in ABLATION.items():
        if set(cues) <= set(measured.table.names):
            log.info("%s: %s", name, figures(measured, cues, len(clips)))
    for gate, cues in GATES.items():
        if set(cues) <= set(measured.table.names):
            card = fit_gate(trained_on(measured.table).only(cues), name=gate, command=_command(wanted))
            write_gate(replace(card, measured=figures(measured, cues, len(clips))), wanted.output)


@dataclass(frozen=True, slots=True)
class Measured:
    """``table``: of the captures that could be judged. ``untold``: how many could not, by instrument."""

    table: GateTable
    untold: dict[str, int]


def measure(shown: Iterable[Presentation], judges: Judges, dataset: str) -> Measured:
    """The cues of every presentation.

    Raises:
        ValueError: none could be judged.
    """
    rows, untold = [], Counter[str]()
    for one in shown:
        try:
            rows.append((one.instrument, one.subject, judges.cues(one)))
        except ValueError as error:
            log.info("%s of %s: %s", one.instrument, one.subject, error)
            untold[one.instrument] += 1
    if not rows:
        raise ValueError("no presentation had enough to judge")
    instruments, subjects, cues = zip(*rows, strict=True)
    names = tuple(cues[0])
    values = np.array([[row[name] for name in names] for row in cues])
    table = GateTable(names, values, np.array(instruments), np.array(subjects), np.full(len(rows), dataset))
    return Measured(table, dict(untold))


def trained_on(table: GateTable) -> GateTable:
    """The table without the films that only measure."""
    return table.rows(table.instrument != OTHER_FILM)


def figures(measured: Measured, cues: Sequence[str], clips: int) -> dict[str, Any]:
    """Rates and areas with each person measured by a gate fitted on the others, and those of the silent films."""
    table = trained_on(measured.table).only(cues)
    people = len(np.unique(table.subject))
    crossed = cross_measure(table, folds=people)
    real = crossed.scores[table.bona_fide]
    areas = {str(kind): _area(real, crossed.scores[table.instrument == kind]) for kind in _attacks(table)}
    found: dict[str, Any] = {"people": people, "clips": clips, "auc": areas, **summary(crossed.report)}
    films = measured.table.rows(measured.table.instrument == OTHER_FILM).only(cues)
    if len(films.values):
        card = fit_gate(table, name="measured", command="")
        errors = int((llrs_of(card, films) >= card.threshold).sum())
        low, high = _ends(errors, len(films.values))
        found["other_film_not_trained_on"] = {"errors": errors, "trials": len(films.values), "interval": [low, high]}
    return {**found, "could_not_tell": measured.untold}


def _area(real: np.ndarray, attacks: np.ndarray) -> float:
    truth = np.repeat([1, 0], [len(real), len(attacks)])
    return round(float(roc_auc_score(truth, np.concatenate([real, attacks]))), 4)


def _attacks(table: GateTable) -> list[str]:
    return sorted(set(table.instrument.tolist()) - {BONA_FIDE})


def _ends(errors: int, trials: int) -> tuple[float, float]:
    interval = wilson(errors, trials)
    return round(float(interval.low), 4), round(float(interval.high), 4)


def _shown(
    clips: Sequence[Clip], silent: Sequence[Clip], times: int, rng: np.random.Generator
) -> Iterator[Presentation]:
    for clip in clips:
        log.info("%s of %s", clip.name, clip.subject)
        yield from presentations(clip, [other for other in clips if other.name != clip.name], times, rng)
    for film in silent:
        for clip in clips:
            yield captured(OTHER_FILM, replace(film, voice=clip.voice), rng)


def _judges(wanted: argparse.Namespace) -> Judges:
    options = SessionOptions(threads=1)
    network = None
    if wanted.weights is not None:
        from models.lips.light_asd import export

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "light_asd.onnx"
            export(wanted.weights, path)
            network = LightAsdScores(path, options)
    weights = locate("silero_vad", Places(models_dir=None, state_dir=wanted.output))
    return Judges(MediaPipeDetector(), MediaPipeMesh(), SileroActivity(weights, options), network)


def _films(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in FILMS)


def _clip(path: Path, speech: SileroActivity) -> Clip:
    """Raises FileNotFoundError where a film has no sound beside it, ValueError where that is not mono at 16 kHz."""
    beside = [path.with_suffix(suffix) for suffix in SOUNDS if path.with_suffix(suffix).is_file()]
    if not beside:
        raise FileNotFoundError(f"{path} has no sound beside it ({' or '.join(SOUNDS)})")
    voice, rate = soundfile.read(beside[0], dtype="float32")
    if rate != SAMPLE_RATE or voice.ndim != 1:
        raise ValueError(f"{beside[0]} is not mono at {SAMPLE_RATE} Hz")
    frames, fps = _frames(path, None)
    edges = [0.0, *(edge for span in speech.segments(voice) for edge in span), len(frames) / fps]
    quiet = tuple(zip(edges[::2], edges[1::2], strict=True))
    return Clip(path.parent.name, path.stem, frames, fps, voice, quiet)


def _film(path: Path) -> Clip:
    frames, fps = _frames(path, FILM_SECONDS)
    return Clip(path.stem, path.stem, frames, fps, np.zeros(0, np.float32), ())


def _frames(path: Path, seconds: float | None) -> tuple[list[Image], float]:
    film = cv2.VideoCapture(str(path))
    fps = film.get(cv2.CAP_PROP_FPS)
    frames: list[Image] = []
    while (got := film.read())[0] and (seconds is None or len(frames) < seconds * fps):
        scale = min(1.0, LONGEST_SIDE / max(got[1].shape[:2]))
        small = cv2.resize(got[1], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False))
    film.release()
    if not frames:
        raise ValueError(f"{path} holds no picture")
    return frames, fps


def _command(wanted: argparse.Namespace) -> str:
    """The command without this machine's folders."""
    films = " --films <folder>" if wanted.films else ""
    weights = " --weights pretrain_AVA_CVPR.model" if wanted.weights else ""
    dataset = f" --dataset {shlex.quote(wanted.dataset)}"
    counts = f" --times {wanted.times} --seed {wanted.seed}"
    return f"python -m worker.training.lips --data <folder>{films}{weights}{dataset}{counts} --output <folder>"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of clips, one folder a person")
    parser.add_argument("--films", type=Path, help="folder of films without sound, to measure only")
    parser.add_argument("--dataset", default="clips", help="name of the data for the card")
    parser.add_argument("--weights", type=Path, help="Light-ASD's published state dict; without it, opening alone")
    parser.add_argument("--output", type=Path, required=True, help="folder for the cards")
    parser.add_argument("--times", type=int, default=4, help="captures a clip and kind")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
