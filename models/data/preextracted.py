"""Embeddings that others have extracted, as features: no quality was measured, no context, nothing was degraded."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.features import CLEAN, FACE_CONTEXT, VOICE_CONTEXT, Features, Header, ModalityFeatures

PREEXTRACTED = "preextracted"
BLOCK = 1 << 20


def read_npz(path: Path) -> Features:
    """Features of an ``.npz`` with the arrays ``face`` (n, width), ``face_identity`` (n,), ``voice`` (m, width) and
    ``voice_identity`` (m,). The file's name is the data set's; equal identities are one person.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such archive, an array is missing, they do not fit together, or a row has no direction.
    """
    if path.exists() and not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no archive of arrays")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in ("face", "face_identity", "voice", "voice_identity")}
    except (zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} holds more than plain arrays: {error}") from error
    except KeyError as error:
        raise ValueError(f"{path}: {error}") from error
    digest = sha256_of(path)
    return features_of(
        path.stem,
        (arrays["face"], arrays["face_identity"], digest),
        (arrays["voice"], arrays["voice_identity"], digest),
    )


def features_of(
    dataset: str,
    face: tuple[NDArray, Sequence | NDArray, str],
    voice: tuple[NDArray, Sequence | NDArray, str],
) -> Features:
    """Features of embeddings (n, width), their identities (n,) and the hash of the file they come from.

    Raises:
        ValueError: they do not fit together, or a row has no direction.
    """
    modalities = (
        _modality(*face[:2], dataset, FACE_CONTEXT),
        _modality(*voice[:2], dataset, VOICE_CONTEXT),
    )
    header = Header(
        pack=PREEXTRACTED,
        face_model=PREEXTRACTED,
        face_sha256=face[2],
        face_width=modalities[0].width,
        voice_model=PREEXTRACTED,
        voice_sha256=voice[2],
        voice_width=modalities[1].width,
    )
    return Features(header, *modalities)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _modality(embeddings: NDArray, identity: Sequence | NDArray, dataset: str, context: int) -> ModalityFeatures:
    count = len(identity)
    if embeddings.ndim != 2 or len(embeddings) != count or not count:
        raise ValueError(f"{dataset}: embeddings of shape {embeddings.shape} for {count} identities")
    if not np.issubdtype(embeddings.dtype, np.number):
        raise ValueError(f"{dataset}: embeddings that are not numbers")
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    useless = np.flatnonzero(~np.isfinite(norms) | (norms < 1e-6))
    if len(useless):
        raise ValueError(f"{dataset}: row {useless[0]} and {len(useless) - 1} more have no direction")
    empty = np.array([""] * count, np.str_)
    return ModalityFeatures(
        embeddings=(embeddings / norms[:, None]).astype(np.float32),
        context=np.full((count, context), np.nan, np.float32),
        quality=np.ones(count, np.float32),
        identity=np.array([f"{dataset}/{person}" for person in identity], np.str_),
        dataset=np.array([dataset] * count, np.str_),
        source=np.array([f"{row:08d}" for row in range(count)], np.str_),
        condition=np.array([CLEAN] * count, np.str_),
        session=empty,
        refused=empty,
    )
