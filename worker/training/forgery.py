"""``python -m worker.training.forgery``: the deepfake gate for pictures, from folders of real faces to its card.

Finds the faces, trains the blending network on self-blended images of some people (Shiohara and Yamasaki, CVPR 2022),
weighs the cues and sets the threshold on others, and measures on the rest: ``models.deepfake.faces.Part``.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.deepfake.faces import Face, Part, face_in, part_of
from models.deepfake.measure import ablation, separations
from models.deepfake.presentations import (
    SYNTHETIC,
    Logits,
    Presentation,
    re_encoded,
    table_of,
    untouched,
    with_forgeries,
)
from models.evaluation.intervals import clopper_pearson
from models.evaluation.pad import pad_table
from models.gates import GateCard, write_gate
from models.training.gate import GateTable, fit_gate, llrs_of, summary
from worker.engines.detection import MediaPipeDetector
from worker.engines.forgery import FACE_POINTS, FaceForgeryGate
from worker.engines.landmarks import MediaPipeMesh
from worker.engines.sessions import SessionOptions, open_session
from worker.engines.squares import square_around
from worker.engines.types import DetectedFace, Image

log = logging.getLogger(__name__)
NAME = "face_forgery"
NETWORK = Path("deepfake") / "blending.onnx"
PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
BPCER_SET = 0.02
RE_ENCODED, FEW = 6, 50  # presentations of each face of a data set with fewer faces than that
CLIP_FRAMES, FRAMES_APART = 3, 5
MOST_CAPTURES = 20  # of one clip
ONE_THREAD = SessionOptions(threads=1)


@dataclass(frozen=True, slots=True)
class Found:
    """A picture and the face nearest to its middle; who it shows is the folder's name, or the file's."""

    path: Path
    face: DetectedFace
    points: NDArray[np.float32]


class Finder:
    """MediaPipe's detector and mesh, remembered as one file a folder, since finding 4,000 faces takes a minute."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._detector, self._mesh = MediaPipeDetector(), MediaPipeMesh()

    def faces(self, folder: Path, dataset: str) -> Iterator[Face]:
        """Every picture of the folder (searched whole) with a face in it."""
        for one in self._found(folder, dataset):
            who = one.path.parent.name if one.path.parent != folder else one.path.stem
            square, subject = square_around(one.face), f"{dataset}/{who}"
            try:
                yield face_in(read(one.path), one.points, square, subject=subject, dataset=dataset)
            except ValueError as error:
                log.warning("%s is left out: %s", one.path, error)

    def look(self, image: Image) -> tuple[DetectedFace, NDArray[np.float32]] | None:
        faces = self._detector.detect(image)
        if not faces:
            return None
        middle = np.array(image.shape[1::-1]) / 2
        face = min(faces, key=lambda one: float(np.linalg.norm(one.points.mean(axis=0) - middle)))
        mesh = self._mesh.mesh(image, face)
        return None if mesh is None else (face, mesh)

    def _found(self, folder: Path, dataset: str) -> list[Found]:
        kept = self._cache / f"{dataset}.npz"
        if not kept.is_file():
            self._keep(folder, kept)
        with np.load(kept) as stored:
            rows = zip(stored["path"], stored["box"], stored["five"], stored["mesh"], strict=True)
            return [
                Found(folder / str(path), DetectedFace(tuple(box), five, 1.0), mesh[:FACE_POINTS])
                for path, box, five, mesh in rows
            ]

    def _keep(self, folder: Path, kept: Path) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
        seen = [(path, found) for path in paths if (found := self.look(read(path))) is not None]
        if not seen:
            raise ValueError(f"{folder} holds no picture with a face")
        log.info("%s: a face in %d of %d pictures", folder, len(seen), len(paths))
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            kept,
            path=np.array([str(path.relative_to(folder)) for path, _ in seen]),
            box=np.array([found[0].box for _, found in seen]),
            five=np.array([found[0].points for _, found in seen]),
            mesh=np.array([found[1] for _, found in seen]),
        )


def read(path: Path) -> Image:
    """Raises ValueError when the file is no picture."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} is no picture")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def runner(network: Path) -> Logits:
    session = open_session(network, ONE_THREAD)
    return lambda images: session.run(None, {"input": images})[0]


def trained(faces: Sequence[Face], steps: int, seconds: float | None, path: Path) -> None:
    """Train the network on the first part's people and write it."""
    import torch  # the rest of the command runs without it

    from models.deepfake.network import export_network
    from models.deepfake.train import Recipe, train_network

    torch.set_num_threads(1)
    mine = [face for face in faces if part_of(face.subject) is Part.NETWORK]
    log.info("training on %d pictures of %d people", len(mine), len({face.subject for face in mine}))
    export_network(train_network(mine, Recipe(steps=steps, seconds=seconds)), path)


def shown(faces: Sequence[Face], generated: Sequence[Face], part: Part) -> list[Presentation]:
    """Bona fide and forged presentations of one part's people, the same every time.

    Swaps and wholly synthetic faces only measure: neither decides what the gate looks at.
    """
    draw = np.random.default_rng(list(Part).index(part))
    mine = [face for face in faces if part_of(face.subject) is part]
    found = list(with_forgeries(repeated(mine), draw, swaps=part is Part.TEST))
    if part is Part.TEST:
        found += re_encoded(generated, SYNTHETIC, draw, RE_ENCODED)
    return found


def repeated(faces: Sequence[Face]) -> list[Face]:
    """Faces of small data sets come ``RE_ENCODED`` times, each time re-encoded anew."""
    names, counts = np.unique([face.dataset for face in faces], return_counts=True)
    times = {name: RE_ENCODED if count < FEW else 1 for name, count in zip(names, counts, strict=True)}
    return [face for face in faces for _ in range(times[face.dataset])]


def refused(card: GateCard, table: GateTable) -> dict[str, object]:
    """The share of a source's bona fide pictures that the gate refuses; interval by pictures."""
    wrong, trials = int((llrs_of(card, table) < card.threshold).sum()), len(table.values)
    return _share(wrong, trials) | {"subjects": len(np.unique(table.subject))}


def clips_refused(gate: FaceForgeryGate, finder: Finder, folder: Path) -> dict[str, object]:
    """The share of captures of a few frames, cut from clips, that the gate refuses, by clip."""
    by_clip: dict[str, object] = {}
    for path in sorted(folder.iterdir()):
        readings = [gate.judge(capture) for capture in _captures(path, finder)]
        if readings:
            llrs = [reading.llr for reading in readings]
            wrong = sum(not reading.passed for reading in readings)
            by_clip[path.stem] = _share(wrong, len(readings)) | {"median_llr": round(float(np.median(llrs)), 3)}
    return by_clip


def milliseconds(gate: FaceForgeryGate, capture: list, times: int = 30) -> float:
    """Median time of one judgement."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        gate.judge(capture)
        taken.append(1000 * (time.perf_counter() - started))
    return round(float(np.median(taken)), 2)


def _captures(path: Path, finder: Finder) -> Iterator[list]:
    clip, capture, index, made = cv2.VideoCapture(str(path)), [], 0, 0
    while made < MOST_CAPTURES:
        ok, frame = clip.read()
        if not ok:
            break
        index += 1
        if index % FRAMES_APART:
            continue
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        if (found := finder.look(image)) is not None:
            capture.append((image, *found))
        if len(capture) == CLIP_FRAMES:
            yield capture
            capture, made = [], made + 1
    clip.release()


def _share(wrong: int, trials: int) -> dict[str, object]:
    ends = clopper_pearson(wrong, trials, level=0.95)
    interval = [round(float(ends.low), 4), round(float(ends.high), 4)]
    return {"rate": round(wrong / trials, 4), "interval": interval, "errors": wrong, "trials": trials}


def _named(values: Iterable[str]) -> dict[str, Path]:
    return {name: Path(folder) for name, _, folder in (value.partition("=") for value in values)}


def measured(card: GateCard, tables: dict[Part, GateTable]) -> dict[str, object]:
    """What the test people say, with every figure's interval over people."""
    train, test = tables[Part.GATE], tables[Part.TEST]
    llrs = llrs_of(card, test)
    report = pad_table(llrs, test.instrument, test.subject, card.threshold)
    return {
        "rates": summary(report),
        "auc": {one.instrument: one.plain() for one in separations(test, llrs)},
        "ablation": ablation(train, test),
    }


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="python -m worker.training.forgery", description=__doc__)
    options.add_argument("--faces", type=Path, required=True, help="a folder a person, real photographs")
    options.add_argument("--out", type=Path, required=True, help="gets deepfake/ and gates/")
    options.add_argument("--photographs", type=Path, help="real photographs of one unnamed person each")
    options.add_argument("--generated", type=Path, help="wholly synthetic faces in the photographs' manner")
    options.add_argument("--bona-fide", nargs="*", default=[], metavar="NAME=FOLDER", help="other real pictures")
    options.add_argument("--clips", nargs="*", default=[], metavar="NAME=FOLDER", help="films to judge, to read only")
    options.add_argument("--network", type=Path, help="use this one, train none")
    options.add_argument("--steps", type=int, default=2400)
    options.add_argument("--seconds", type=float, help="end the training by then, on a busy machine")
    options.add_argument("--cache", type=Path, required=True, help="where found faces are remembered")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parser().parse_args(arguments)
    finder = Finder(options.cache)
    faces = list(finder.faces(options.faces, options.faces.name))
    if options.photographs:
        faces += finder.faces(options.photographs, options.photographs.name)
    generated = list(finder.faces(options.generated, options.generated.name)) if options.generated else []
    network = options.network or options.out / NETWORK
    if options.network is None:
        trained(faces, options.steps, options.seconds, network)
    logits = runner(network)
    beside = options.photographs.name if options.photographs else ""
    generated = [replace(face, dataset=beside) for face in generated]
    tables = {part: table_of(shown(faces, generated, part), logits) for part in (Part.GATE, Part.TEST)}
    card = fit_gate(tables[Part.GATE], name=NAME, command=_command(arguments), bpcer_set=BPCER_SET)
    figures = measured(card, tables)
    others = {
        name: [face for face in faces if face.dataset == name and part_of(face.subject) is Part.TEST]
        for name in card.data
    }
    others |= {name: list(finder.faces(folder, name)) for name, folder in _named(options.bona_fide).items()}
    figures["bpcer_untouched"] = {name: refused(card, table_of(untouched(few), logits)) for name, few in others.items()}
    gate = FaceForgeryGate(card, network, ONE_THREAD)
    figures["clips_refused"] = {
        name: clips_refused(gate, finder, folder) for name, folder in _named(options.clips).items()
    }
    write_gate(replace(card, measured=figures), options.out / "gates")
    log.info("%s", json.dumps(figures, indent=1))


def _command(arguments: Sequence[str] | None) -> str:
    given = sys.argv[1:] if arguments is None else arguments
    # Where folders lie is nobody's business but their names say which data they are.
    return " ".join(["python -m worker.training.forgery", *(part.rpartition("/")[2] or part for part in given)])


if __name__ == "__main__":
    main()
