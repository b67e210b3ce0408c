"""Features for tests without any network: people are points on a sphere, samples scatter around them."""

from __future__ import annotations

import numpy as np

from models.data import features as f
from models.data.features import Features, Header, Key, ModalityFeatures, Sample

FACE_WIDTH, VOICE_WIDTH = 24, 16


def header(**changes: object) -> Header:
    values = {
        "pack": "test",
        "face_model": "face",
        "face_sha256": "0" * 64,
        "face_width": FACE_WIDTH,
        "voice_model": "voice",
        "voice_sha256": "1" * 64,
        "voice_width": VOICE_WIDTH,
    }
    return Header(**{**values, **changes})  # type: ignore[arg-type]


def features(
    *, faces: int = 30, voices: int = 20, recordings: int = 4, true_pairs: bool = False, seed: int = 0
) -> Features:
    """``faces`` and ``voices`` people, each with clean recordings and a degraded copy of each, which scatters more and
    whose quality is lower. Chimeric unless ``true_pairs``."""
    draw = np.random.default_rng(seed)
    names = ("pairs", "pairs") if true_pairs else ("pictures", "speech")
    return Features(
        header(),
        _side(draw, names[0], "face", faces, recordings, FACE_WIDTH, f.FACE_CONTEXT, "blur"),
        _side(draw, names[1], "voice", voices, recordings, VOICE_WIDTH, f.VOICE_CONTEXT, "noise_0"),
    )


def _side(
    draw: np.random.Generator,
    dataset: str,
    modality: str,
    people: int,
    recordings: int,
    width: int,
    context: int,
    degraded: str,
) -> ModalityFeatures:
    samples = []
    for person in range(people):
        centre = _unit(draw.standard_normal(width))
        for recording in range(recordings):
            for condition, spread, quality in ((f.CLEAN, 0.10, 0.9), (degraded, 0.22, 0.4)):
                key = Key(modality, dataset, f"p{person}/{recording}", condition, f"{person}-{recording}")
                vector = _unit(centre + spread * draw.standard_normal(width)).astype(np.float32)
                values = draw.standard_normal(context).astype(np.float32)
                values[:2] = np.nan  # what was not measured
                samples.append(Sample(key, f"p{person}", "", quality, "", vector, values))
    return f.modality_features(samples, width, context)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
