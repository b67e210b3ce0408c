"""Folders of people to embeddings: ``<person>/<picture>`` and ``<person>/<recording>``, as calibration takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.data.features import FACE
from models.data.layouts import SHORTEST_SECONDS, SUFFIXES
from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.types import CaptureUnusable
from worker.engines.types import SAMPLE_RATE, Engines, Vector


def embed_people(modality: str, source: Path, engines: Engines, most: int) -> tuple[dict[str, np.ndarray], int]:
    """(n, width) unit embeddings by "folder/person" of those who have two at least, and how many files were unusable.

    Arguments:
        most: embeddings of one person.

    Raises:
        NotADirectoryError, FileNotFoundError: ``source`` is no folder.
    """
    people: dict[str, np.ndarray] = {}
    unusable = 0
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    for folder in tqdm(folders, desc=f"{modality} {source.name}", unit="person", disable=None):
        files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES[modality]]
        embed = _face_vectors if modality == FACE else _voice_vectors
        vectors, failed = embed(files, engines, most)
        unusable += failed
        if len(vectors) > 1:
            people[f"{source.name}/{folder.name}"] = np.stack(vectors)
    return people, unusable


def _face_vectors(files: list[Path], engines: Engines, most: int) -> tuple[list[Vector], int]:
    """Embeddings of the largest face of each picture; a person with one picture is passed over, nothing compares."""
    if len(files) < 2:
        return [], 0
    vectors, failed = [], 0
    for path in files[:most]:
        try:
            picture = decode_image(path.read_bytes())
        except CaptureUnusable:
            failed += 1
            continue
        faces = engines.detector.detect(picture)
        if not faces:
            failed += 1
            continue
        vectors.append(engines.face.embed(picture, faces[0]))
    return vectors, failed


def _voice_vectors(files: list[Path], engines: Engines, most: int) -> tuple[list[Vector], int]:
    """Embeddings of utterances; short recordings are joined until they last SHORTEST_SECONDS."""
    vectors: list[Vector] = []
    joined = np.zeros(0, np.float32)
    failed = 0
    for path in files:
        try:
            joined = np.concatenate([joined, decode_audio(path.read_bytes())])
        except CaptureUnusable:
            failed += 1
            continue
        if len(joined) >= SHORTEST_SECONDS * SAMPLE_RATE:
            vectors.append(engines.voice.embed(joined))
            joined = np.zeros(0, np.float32)
        if len(vectors) == most:
            break
    return vectors, failed
