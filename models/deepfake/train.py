"""Train the blending network on self-blended images, each beside the real face that it was made of.

Real and forged of a pair are degraded and cut alike (Shiohara and Yamasaki, CVPR 2022, section 3.3), so that nothing
but the forgery tells them apart. One epoch draws from the seed and its own number.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models.deepfake.crops import face_crop
from models.deepfake.degradation import drawn_degradation
from models.deepfake.faces import SIDES, Face, jittered, nearer, network_input
from models.deepfake.network import CELLS, BlendingNetwork
from models.deepfake.sbi import self_blended
from models.training.seeds import seed_everything

log = logging.getLogger(__name__)
BORDER = 2.0  # how much finding the border weighs beside telling the two apart
WARMING = 0.12  # of the way
TRAINING_SIDES = 1.6  # of a picture, in squares: a jittered crop fits, and what is never seen costs time
SMOOTHING = 0.02  # of the labels: some forgeries cannot be seen any more


@dataclass(frozen=True, slots=True)
class Recipe:
    """Arguments:
    steps, pairs: ``steps`` batches of ``pairs`` real faces and as many forgeries.
    seconds: the cycle is hastened so that it ends by then; None for as long as the steps take, which alone gives the
        same network again.
    rate: highest learning rate of the one cycle (Smith and Topin, 2019).
    decay: of the weights (AdamW).
    seed: of everything that draws.
    """

    steps: int = 2500
    pairs: int = 16
    seconds: float | None = None
    rate: float = 2e-3
    decay: float = 1e-3
    seed: int = 0


def train_network(
    faces: Sequence[Face], recipe: Recipe, *, start: Mapping[str, torch.Tensor] | None = None
) -> BlendingNetwork:
    """The network in evaluation mode. Every data set is drawn from in proportion to the square root of its size.

    Arguments:
        start: weights of an earlier training to go on from.

    Raises:
        ValueError: there are no faces.
    """
    if not faces:
        raise ValueError("a network needs faces to train on")
    draw = seed_everything(recipe.seed)
    faces = [nearer(face, TRAINING_SIDES) for face in faces]
    network = BlendingNetwork()
    if start is not None:
        network.load_state_dict(start)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay)
    shares = _shares(faces)
    started, recent = time.monotonic(), 0.0
    for step in range(recipe.steps):
        elapsed = (time.monotonic() - started) / recipe.seconds if recipe.seconds else 0.0
        passed = max(step / recipe.steps, elapsed)
        if passed >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * cycle(passed)
        chosen = draw.choice(len(faces), recipe.pairs, p=shares)
        loss = _loss(network, [drawn_pair(faces[index], draw) for index in chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        recent = float(loss.detach()) if step == 0 else 0.98 * recent + 0.02 * float(loss.detach())
        if step % 100 == 99:
            log.info("step %d, %.0f %% of the way: loss %.4f", step + 1, 100 * passed, recent)
    return network.eval()


def cycle(passed: float) -> float:
    """Learning rate, as a share of the highest, when ``passed`` of the way is gone: up, then down along a cosine."""
    if passed < WARMING:
        return 0.05 + 0.95 * passed / WARMING
    return 0.5 * (1 + math.cos(math.pi * (passed - WARMING) / (1 - WARMING)))


@dataclass(frozen=True, slots=True)
class Pair:
    """``images`` (2, SIZE, SIZE): a real face and a forgery of it, degraded and cut alike. ``border`` (CELLS, CELLS):
    where the forgery's mask begins and ends, 0 to 1."""

    images: NDArray[np.uint8]
    border: NDArray[np.float32]


def drawn_pair(face: Face, draw: np.random.Generator) -> Pair:
    forged = self_blended(face.picture, face.points, draw)
    degradation, square, mirrored = drawn_degradation(draw), jittered(face.square, draw), draw.random() < 0.5
    both = [network_input(degradation.apply(picture, draw), square) for picture in (face.picture, forged.picture)]
    share = face_crop((forged.mask * 255).astype(np.uint8), square, sides=SIDES, size=CELLS).astype(np.float32) / 255
    images, border = np.stack(both), (4 * share * (1 - share)).astype(np.float32)
    return Pair(images[:, :, ::-1], border[:, ::-1]) if mirrored else Pair(images, border)


def _loss(network: BlendingNetwork, pairs: Sequence[Pair]) -> torch.Tensor:
    network.train()
    images = torch.from_numpy(np.concatenate([pair.images for pair in pairs])[:, None].astype(np.float32))
    borders = torch.zeros(2 * len(pairs), 1, CELLS, CELLS)
    borders[1::2, 0] = torch.from_numpy(np.stack([pair.border for pair in pairs]))
    labels = torch.tensor([1 - SMOOTHING, SMOOTHING]).repeat(len(pairs))
    with torch.autocast("cpu", torch.bfloat16):
        logits, found = network.with_borders(images.contiguous(memory_format=torch.channels_last))
    told = F.binary_cross_entropy_with_logits(logits.float(), labels)
    return told + BORDER * F.binary_cross_entropy_with_logits(found.float(), borders)


def _shares(faces: Sequence[Face]) -> NDArray[np.float64]:
    names, index, counts = np.unique([face.dataset for face in faces], return_inverse=True, return_counts=True)
    weights = np.sqrt(counts)[index] / counts[index]
    return weights / weights.sum() if len(names) > 1 else np.full(len(faces), 1 / len(faces))
