"""A figure with the interval that goes with it. Standard library only: model cards are read where no statistics run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """``estimate`` on all data and the confidence interval [``low``, ``high``] around it."""

    low: float
    high: float
    estimate: float
