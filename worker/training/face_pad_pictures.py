"""Pictures for the picture gates: bona fide ones of several cameras, labelled prints, and simulated re-captures.

The simulated attacks are made from exactly the bona fide pictures, and both go through the same simulated camera, so
that neither class comes from one source, codec or sampling. ``nuaa`` pictures also stand as they are, in both classes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from models.evaluation.pad import BONA_FIDE
from models.liveness.cues.picture import SMALLEST
from models.liveness.recapture import on_screen, photographed, printed
from models.training.gate import GateTable
from worker.engines.face_pad import frame_cues
from worker.engines.squares import square_around
from worker.engines.types import FaceDetector, Image, LivenessNetwork

NUAA_PRINT, SIM_PRINT, SIM_SCREEN = "nuaa_print", "simulated_print", "simulated_screen"
LFW_PEOPLE = 120  # one picture each
FFHQ_PEOPLE = 40
NUAA_FOR_SIMULATION = 6  # a subject; its other pictures stand as they are
CLIP_FRAMES = 6  # a clip, evenly spread
FACE_SIDES = (110, 250)  # pixels, to which large photographs are shrunk: what a web camera sees
SAME_PERSON = {"id2_vcd_swwp2s": "pwij3p"}  # two of GRID's clips show one man
LARGE = 600  # pixels; photographs with a longer side are shrunk


@dataclass(frozen=True, slots=True)
class Source:
    """A bona fide picture, or a labelled attack, as it lies there."""

    image: Image
    subject: str
    dataset: str
    instrument: str = BONA_FIDE
    simulate: bool = True


def sources(data: Path) -> Iterator[Source]:
    """Everything that the picture gates are made from, of the folder of data sets ``data``."""
    yield from _nuaa(data / "pad" / "nuaa")
    for folder in sorted((data / "faces" / "lfw").iterdir())[:: _step(data / "faces" / "lfw", LFW_PEOPLE)]:
        yield Source(read(min(folder.iterdir())), f"lfw/{folder.name}", "lfw")
    for path in sorted((data / "deepfake" / "whole_face" / "ffhq").iterdir())[:FFHQ_PEOPLE]:
        yield Source(read(path), f"ffhq/{path.stem}", "ffhq")
    for name, folder in clip_folders(data).items():
        for path in sorted(folder.iterdir()):
            frames = clip(path)
            for index in np.linspace(0, len(frames) - 1, CLIP_FRAMES).astype(int):
                yield Source(frames[index], f"{name}/{clip_subject(path)}", name)


def clip_folders(data: Path) -> dict[str, Path]:
    return {"grid": data / "talking_faces" / "grid", "celebdf": data / "deepfake" / "celebdf" / "real"}


def clip_subject(path: Path) -> str:
    """Celeb-DF names the person before the clip; GRID's clips show five people."""
    return path.stem.rsplit("_", 1)[0] if path.suffix == ".mp4" else SAME_PERSON.get(path.stem, path.stem)


def picture_table(
    found: Iterable[Source], detector: FaceDetector, network: LivenessNetwork | None
) -> tuple[GateTable, int]:
    """Cues of all presentations, and how many pictures showed no face large enough."""
    rows: list[tuple[dict[str, float], str, str, str]] = []
    lost = 0
    for source in tqdm(found, desc="pictures", disable=None):
        for image, instrument in presentations(source, detector):
            faces = detector.detect(image)
            if not faces or square_around(faces[0])[2] < SMALLEST:
                lost += 1
                continue
            rows.append((frame_cues(image, faces[0], network), instrument, source.subject, source.dataset))
    names = tuple(rows[0][0])
    values = np.array([[row[0][name] for name in names] for row in rows])
    labels = (np.array([row[part] for row in rows], np.str_) for part in (1, 2, 3))
    return GateTable(names, values, *labels), lost


def presentations(source: Source, detector: FaceDetector) -> Iterator[tuple[Image, str]]:
    """The picture as a camera shows it, and the simulated attacks made from it."""
    if not source.simulate:
        yield source.image, source.instrument
        return
    seed = zlib.crc32(source.image.tobytes())
    image = _camera_sized(source.image, detector, seed)
    for number, (made, instrument) in enumerate(
        ((image, BONA_FIDE), (printed(image, seed), SIM_PRINT), (on_screen(image, seed), SIM_SCREEN))
    ):
        yield photographed(made, seed + number), instrument


def read(path: Path) -> Image:
    """Raises ValueError when the file holds no picture."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise ValueError(f"{path} holds no picture")
    return np.ascontiguousarray(found[:, :, ::-1], np.uint8)


def clip(path: Path) -> list[Image]:
    """All frames of a video, RGB."""
    video, frames = cv2.VideoCapture(str(path)), []
    while (found := video.read())[0]:
        frames.append(np.ascontiguousarray(found[1][:, :, ::-1], np.uint8))
    return frames


def _nuaa(folder: Path) -> Iterator[Source]:
    for instrument, place in ((BONA_FIDE, "bona_fide"), (NUAA_PRINT, "print")):
        for subject in sorted((folder / place).iterdir()):
            paths = sorted(subject.iterdir())
            simulated = set(paths[:: max(1, len(paths) // NUAA_FOR_SIMULATION)]) if instrument == BONA_FIDE else set()
            for path in paths:
                yield Source(read(path), f"nuaa/{subject.name}", "nuaa", instrument, simulate=path in simulated)


def _camera_sized(image: Image, detector: FaceDetector, seed: int) -> Image:
    """Large photographs shrunk until the face is as large as in a web camera's picture."""
    faces = detector.detect(image) if max(image.shape) > LARGE else []
    if not faces:
        return image
    side = np.random.default_rng((seed, 4)).uniform(*FACE_SIDES)
    scale = min(1.0, side / square_around(faces[0])[2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _step(folder: Path, wanted: int) -> int:
    return max(1, len(list(folder.iterdir())) // wanted)
