"""Bona fide and forged presentations to calibrate and measure the gate with, and the table of their cues.

A forgery and the bona fide picture beside it are degraded and compressed alike, as a channel would: files differ in
nothing but the forgery. Pictures of one size only, since people and generators must not differ in resolution either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.deepfake.crops import Grey, Points, Square
from models.deepfake.degradation import Degradation, drawn_degradation
from models.deepfake.faces import Face, network_input
from models.deepfake.frame import CUES, NETWORK, frame_cues
from models.deepfake.sbi import self_blended
from models.deepfake.swap import fitting, swapped
from models.evaluation.pad import BONA_FIDE
from models.training.gate import GateTable

BLENDED, SWAPPED, SYNTHETIC = "blended", "swapped", "synthetic"
SEVERITY = 0.5  # of what happens to a picture on its way: half of what the network was trained on
CANDIDATES = 60  # of other people that a swap's face is chosen from
BATCH = 64

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (n, 1, SIZE, SIZE) to (n,)


@dataclass(frozen=True, slots=True)
class Presentation:
    """One frame: a picture of a face (see ``Face``), and what it is."""

    picture: Grey
    points: Points
    square: Square
    instrument: str
    subject: str
    dataset: str


def with_forgeries(faces: Sequence[Face], draw: np.random.Generator, *, swaps: bool) -> Iterator[Presentation]:
    """Each face as it is, self-blended, and with another person's face where ``swaps`` is set; degraded alike.

    A swap takes the best fitting of some strangers of the same data set, or is left out where there is none.
    """
    for face in faces:
        way = drawn_degradation(draw, SEVERITY)
        yield _on_its_way(face, face.picture, BONA_FIDE, way, draw)
        yield _on_its_way(face, self_blended(face.picture, face.points, draw).picture, BLENDED, way, draw)
        if swaps and (source := _drawn_source(face, faces, draw)) is not None:
            yield _on_its_way(face, swapped(face, source, draw), SWAPPED, way, draw)


def re_encoded(faces: Iterable[Face], instrument: str, draw: np.random.Generator, times: int) -> Iterator[Presentation]:
    """Each face ``times`` times, every time degraded anew."""
    for face in faces:
        for _ in range(times):
            yield _on_its_way(face, face.picture, instrument, drawn_degradation(draw, SEVERITY), draw)


def untouched(faces: Iterable[Face]) -> Iterator[Presentation]:
    """Bona fide pictures as their source has them."""
    for face in faces:
        yield Presentation(face.picture, face.points, face.square, BONA_FIDE, face.subject, face.dataset)


def table_of(presentations: Iterable[Presentation], logits: Logits) -> GateTable:
    """The cues of presentations. One whose face cannot be measured is an error, not a row that is left out.

    Raises:
        ValueError: there are none, or as ``models.deepfake.frame.frame_cues``.
    """
    rows, crops, kinds = [], [], []
    for one in presentations:
        crops.append(network_input(one.picture, one.square))
        rows.append(frame_cues(one.picture, one.square, one.points))
        kinds.append((one.instrument, one.subject, one.dataset))
    if not rows:
        raise ValueError("a table needs presentations")
    stack = np.stack(crops)[:, None].astype(np.float32)
    network = np.concatenate([logits(stack[start : start + BATCH]) for start in range(0, len(stack), BATCH)])
    values = [
        [float(logit) if name == NETWORK else row[name] for name in CUES]
        for row, logit in zip(rows, network, strict=True)
    ]
    instrument, subject, dataset = (np.array(column) for column in zip(*kinds, strict=True))
    return GateTable(CUES, np.array(values), instrument, subject, dataset)


def _on_its_way(
    face: Face, picture: Grey, instrument: str, way: Degradation, draw: np.random.Generator
) -> Presentation:
    found = way.apply(picture, draw)
    return Presentation(found, face.points, face.square, instrument, face.subject, face.dataset)


def _drawn_source(face: Face, faces: Sequence[Face], draw: np.random.Generator) -> Face | None:
    strangers = [one for one in faces if one.subject != face.subject and one.dataset == face.dataset]
    if not strangers:
        return None
    chosen = draw.choice(len(strangers), min(CANDIDATES, len(strangers)), replace=False)
    return fitting(face, [strangers[index] for index in chosen])
