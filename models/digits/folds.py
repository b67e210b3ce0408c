"""Every speaker left out once, several folds at a time."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from models.digits.features import Spectrogram
from models.digits.fit import Choices, fit
from models.digits.network import DigitNetwork
from models.digits.other_speech import Speech
from models.digits.pool import Pool
from models.digits.recordings import Speaker
from models.digits.score import LogProbabilities
from models.digits.trials import Listen, Trials, other_speech_trials, speaker_trials

DIGITS, OTHER_DIGITS = 4, (3, 6, 8)
FEWER = 4  # times fewer strings of the other lengths


@dataclass(frozen=True, slots=True)
class Work:
    """What all folds share."""

    speakers: Sequence[Speaker]
    speech: Speech
    pool: Pool
    choices: Choices
    strings: int


@dataclass(frozen=True, slots=True)
class Fold:
    """Trials by a network that had not heard ``speaker``: of that speaker by number of digits, and of other speech by
    data set."""

    speaker: str
    by_length: dict[int, Trials]
    other: dict[str, Trials]


_work: Work | None = None  # in a fold's process only


@contextmanager
def running(work: Work, jobs: int) -> Iterator[list[Future[Fold]]]:
    """All folds, ``jobs`` processes at a time. They are forked, so that the clips are not copied."""
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_remember, initargs=(work,)) as processes:
        yield [processes.submit(_remembered_fold, number) for number in range(len(work.speakers))]


def leave_out(work: Work, number: int) -> Fold:
    """Train without one speaker, and listen to that speaker."""
    speaker, noise = work.speakers[number], work.speech.noise
    choices = replace(work.choices, seed=work.choices.seed + number + 1)
    network = fit(work.pool.without(speaker.name), choices, saying(f"without {speaker.name}"))
    listen = listener(network)
    counts = {DIGITS: work.strings} | dict.fromkeys(OTHER_DIGITS, max(work.strings // FEWER, 1))
    return Fold(
        speaker.name,
        {length: speaker_trials(listen, speaker, noise, strings=n, digits=length) for length, n in counts.items()},
        {name: other_speech_trials(listen, people, noise) for name, people in work.speech.measured.items()},
    )


def listener(network: DigitNetwork) -> Listen:
    def listen(features: Spectrogram) -> LogProbabilities:
        with torch.inference_mode():
            return network(torch.from_numpy(np.ascontiguousarray(features))[None])[0].numpy()

    return listen


def saying(what: str):
    return lambda text: print(f"{what}: {text}", flush=True)


def _remember(work: Work) -> None:
    global _work
    _work = work
    torch.set_num_threads(1)


def _remembered_fold(number: int) -> Fold:
    assert _work is not None  # noqa: S101  the initializer ran before
    return leave_out(_work, number)
