"""Whom an evaluation is of: data sets, how many people and samples of each, and how face and voice belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from models.data.features import Features, ModalityFeatures
from models.data.people import has_true_pairs
from models.evaluation.comparisons import System
from models.evaluation.report import DataSet, Pairing
from models.training.experiment import Experiment


def pairing_of(features: Features) -> Pairing:
    return Pairing.TRUE_PAIRS if has_true_pairs(features) else Pairing.CHIMERIC


def tested(features: Features, experiment: Experiment) -> tuple[tuple[DataSet, ...], str]:
    """The test people by data set and modality, and a sentence on who fitted and calibrated.

    Voices without enough samples, or without a partner in any drawing, are in no trial: their samples are not usable.
    """
    fold = experiment.fold
    people = {one for trials in experiment.test for one in trials.people.tolist()}
    voices = np.isin(features.voice.identity, sorted(fold.test.voices))
    counted = voices & np.isin(features.voice.identity, sorted(people))
    found = (
        *_by_dataset(features.face, np.isin(features.face.identity, sorted(fold.test.faces)), "faces"),
        *_by_dataset(features.voice, counted, "voices", left_out=voices & ~counted),
    )
    sentence = (
        f"The table counts test people. {len(fold.train.faces):,} other faces and {len(fold.train.voices):,} voices are "
        f"for training, {len(fold.validation.faces):,} and {len(fold.validation.voices):,} for calibration."
    )
    return found, sentence


def in_scores(systems: Sequence[System], features: Features | None) -> tuple[tuple[DataSet, ...], str]:
    """By data set, which the names of identities begin with, who is in the scores, and a sentence on who that is.

    Raises:
        ValueError: the features do not know the people of the scores.
    """
    people = sorted({one for system in systems for one in system.scores.identities()})
    if features is None:
        counts = Counter(one.rpartition("/")[0] or "(not named)" for one in people)
        sentence = "The table counts the people whom the scores name: by their voice, where face and voice are joined."
        return tuple(DataSet(name, counts[name], None, None) for name in sorted(counts)), sentence
    strangers = set(people) - set(features.voice.identity.tolist()) - set(features.face.identity.tolist())
    if strangers:
        raise ValueError(f"--features knows nothing of {len(strangers)} people of the scores, {min(strangers)} for one")
    tested_voices = np.isin(features.voice.identity, people)
    found = (
        *_by_dataset(features.face, np.ones(len(features.face), np.bool_), "faces"),
        *_by_dataset(features.voice, tested_voices, "voices"),
    )
    return found, "The table counts the voices that were tested, and all faces of the feature file."


def _by_dataset(
    side: ModalityFeatures, counted: np.ndarray, what: str, left_out: np.ndarray | None = None
) -> Iterator[DataSet]:
    for dataset in np.unique(side.dataset):
        here = side.dataset == dataset
        names = np.unique(side.identity[here & counted])
        if len(names):
            lost = None if left_out is None else int((here & left_out).sum())
            yield DataSet(str(dataset), len(names), int((here & counted).sum()), lost, what)
