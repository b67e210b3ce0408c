"""Which frames are looked at: spread over the whole capture, and drawn, so that nobody knows beforehand which ones."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
DRAW = secrets.SystemRandom()


def stretches(items: Sequence[T], count: int) -> list[list[T]]:
    """``items`` (at least one) in their order, cut into at most ``count`` parts of about one length, none empty."""
    parts = np.array_split(np.arange(len(items)), min(count, len(items)))
    return [[items[index] for index in part] for part in parts]


def one_of_each_stretch(items: Sequence[T], count: int) -> list[T]:
    return [DRAW.choice(stretch) for stretch in stretches(items, count)]
