"""What the cascade needs from outside. ``worker.tasks`` wires the database in; tests wire arrays in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from worker.cascade.types import StageResult
from worker.engines.types import Vector

Observe = Callable[[StageResult], None]


class Neighbour(Protocol):
    """A person and the cosine of their reference to the probe."""

    @property
    def person_id(self) -> int: ...

    @property
    def similarity(self) -> float: ...


class Gallery(Protocol):
    """Enrolled templates of the active pack's models.

    A person's reference is the mean of their templates, scaled to unit norm; that is what calibrations are made on.
    """

    def references(self, modality: str, person_ids: list[int]) -> dict[int, NDArray[np.float32]]:
        """Unit references (width,) by person; people without one are absent."""

    def search(self, modality: str, probe: Vector, limit: int) -> Sequence[Neighbour]:
        """The nearest people by cosine, best first, at most ``limit``."""

    def traces(self, person_id: int) -> Sequence[bytes]:
        """What is remembered of a person's earlier captures (``models.liveness.replay``), the newest first."""

    def size(self, modality: str) -> int:
        """How many people have a reference."""
