"""Learning over clips whose time and pitch axes are bent at random: what is said at each moment, and the string.

The strings are joined from recordings, so that it is known where each digit lies: cross-entropy at each moment finds
the digits quickly, connectionist temporal classification (Graves et al., ICML 2006) makes strings of them.

Bending the frequency axis stands for other lengths of the vocal tract (Jaitly and Hinton, "Vocal tract length
perturbation", 2013), and bands and moments are hidden (Park et al., "SpecAugment", Interspeech 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.digits.clips import Clip
from models.digits.features import BANDS, HOP, RATE, STRIDE, Spectrogram
from models.digits.network import WIDTH, DigitNetwork
from models.digits.score import BLANK
from models.training.seeds import seed_everything

CLIP_NORM = 5.0
WARM_UP = 0.1  # share of the steps
UNKNOWN = -100  # a moment of which nobody knows what is said
STRINGS_WEIGH = 0.5  # the loss of strings, by moment, beside that of moments


@dataclass(frozen=True, slots=True)
class Choices:
    """``epochs`` over the clips, ``batch`` clips a step, peak learning ``rate``, weight ``decay``, ``width`` of the
    network."""

    epochs: int = 3
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.02
    width: int = WIDTH
    seed: int = 0


def fit(clips: Sequence[Clip], choices: Choices, progress: Callable[[str], None] = lambda text: None) -> DigitNetwork:
    """A network trained on ``clips``, in evaluation mode.

    Raises:
        ValueError: there are fewer clips than a batch holds.
    """
    if len(clips) < choices.batch:
        raise ValueError(f"{len(clips)} clips do not fill a batch of {choices.batch}")
    seed_everything(choices.seed)
    network = DigitNetwork(width=choices.width)
    optimiser = torch.optim.AdamW(network.parameters(), choices.rate, weight_decay=choices.decay)
    steps = choices.epochs * (len(clips) // choices.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, choices.rate, total_steps=steps, pct_start=WARM_UP)
    for epoch in range(choices.epochs):
        generator, losses = seed_everything(choices.seed, epoch=epoch), []
        network.train()
        for batch in _batches(clips, choices.batch, generator):
            loss = _loss(network, _collated(batch, generator))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), CLIP_NORM)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        progress(f"epoch {epoch + 1} of {choices.epochs}: loss {np.mean(losses):.4f}")
    return network.eval()


@dataclass(frozen=True, slots=True)
class _Batch:
    """``inputs`` (n, frames, 40), ``lengths`` (n,) in moments, ``labels`` (n, moments) with UNKNOWN, the ``digits`` of
    all clips one after another, and how many each has, ``counts`` (n,)."""

    inputs: Tensor
    lengths: Tensor
    labels: Tensor
    digits: Tensor
    counts: Tensor


def _loss(network: DigitNetwork, batch: _Batch) -> Tensor:
    found = network(batch.inputs)
    moments = nn.functional.nll_loss(found.transpose(1, 2), batch.labels, ignore_index=UNKNOWN)
    strings = nn.functional.ctc_loss(
        found.transpose(0, 1),
        batch.digits,
        batch.lengths,
        batch.counts,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )
    return moments + STRINGS_WEIGH * (strings / batch.lengths).mean()


def _batches(clips: Sequence[Clip], size: int, generator: np.random.Generator) -> Iterator[list[Clip]]:
    """Batches of clips of about the same length, in random order; a remainder is left for another epoch."""
    order = generator.permutation(len(clips))[: len(clips) // size * size]
    near = [chunk[np.argsort([len(clips[i].features) for i in chunk])] for chunk in np.split(order, _cuts(order, size))]
    batches = np.concatenate(near).reshape(-1, size)
    for batch in generator.permutation(batches):
        yield [clips[index] for index in batch]


def _cuts(order: np.ndarray, size: int) -> list[int]:
    return list(range(20 * size, len(order), 20 * size))


def _collated(batch: Sequence[Clip], generator: np.random.Generator) -> _Batch:
    bent = [hidden(bend(clip.features, generator), generator) for clip in batch]
    lengths = [-(-len(one) // STRIDE) for one in bent]
    inputs = np.zeros((len(batch), max(len(one) for one in bent), BANDS), np.float32)
    labels = np.full((len(batch), max(lengths)), UNKNOWN, np.int64)
    for row, (one, clip) in enumerate(zip(bent, batch, strict=True)):
        inputs[row, : len(one)] = one
        labels[row, : lengths[row]] = moment_labels(clip, lengths[row])
    digits = torch.tensor([int(digit) for clip in batch for digit in clip.digits], dtype=torch.long)
    counts = torch.tensor([len(clip.digits) for clip in batch])
    return _Batch(torch.from_numpy(inputs), torch.tensor(lengths), torch.from_numpy(labels), digits, counts)


def moment_labels(clip: Clip, moments: int) -> NDArray[np.int64]:
    """(moments,) the digit in the middle half of its span, blank elsewhere; UNKNOWN where the spans are not known."""
    if clip.spans is None:
        return np.full(moments, UNKNOWN, np.int64)
    labels = np.full(moments, BLANK, np.int64)
    for digit, (start, end) in zip(clip.digits, clip.spans, strict=True):
        middle, quarter = (start + end) / 2, (end - start) / 4
        scale = moments / (len(clip.features) * HOP / RATE)
        first, last = round((middle - quarter) * scale), round((middle + quarter) * scale)
        labels[min(first, moments - 1) : max(last, first + 1)] = int(digit)
    return labels


def bend(features: Spectrogram, generator: np.random.Generator) -> Spectrogram:
    """Up to 15 % slower or quicker, and its bands moved and stretched as a shorter or longer throat would."""
    frames = max(round(len(features) * generator.uniform(0.87, 1.15)), 1)
    rows = np.linspace(0, len(features) - 1, frames)
    middle = BANDS / 2
    columns = (np.arange(BANDS) - middle) * generator.uniform(0.92, 1.08) + middle + generator.uniform(-2.5, 2.5)
    return _between(_between(features, rows).T, np.clip(columns, 0, BANDS - 1)).T


def hidden(features: Spectrogram, generator: np.random.Generator) -> Spectrogram:
    """With up to two stretches of bands and two of moments set to the mean, and a little noise."""
    features = features + generator.uniform(0, 0.2) * generator.standard_normal(features.shape, dtype=np.float32)
    for _ in range(generator.integers(0, 3)):
        low = generator.integers(0, BANDS - 6)
        features[:, low : low + generator.integers(1, 7)] = 0
    for _ in range(generator.integers(0, 3)):
        start = generator.integers(0, len(features))
        features[start : start + generator.integers(1, 9)] = 0
    return features.astype(np.float32)


def _between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of ``values`` at fractional ``places``."""
    below = np.minimum(places.astype(np.int64), max(len(values) - 2, 0))
    above = np.minimum(below + 1, len(values) - 1)
    weight = (places - below).astype(np.float32)[:, None]
    return values[below] * (1 - weight) + values[above] * weight
