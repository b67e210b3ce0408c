"""What an operator may pick instead of a prior: a false match rate that every setting was measured to hold about.

The figures come from the calibrations, which lie on the floor above; ``settings.POLICY_OPERATING_POINTS`` names the
function that reads them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.estimate:.3g} % ({100 * self.low:.3g} % to {100 * self.high:.3g} %)"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One setting at one threshold, measured on people whom the threshold was not set on.

    Arguments:
        setting: what is compared: ``face and voice``, ``face``, ``voice``.
        llr: the threshold, a natural-log likelihood ratio.
    """

    setting: str
    model: str
    llr: float
    fmr: Rate
    fnmr: Rate


@dataclass(frozen=True, slots=True)
class Choice:
    """One false match rate. ``missing`` says for which settings there is no threshold, and why."""

    fmr: float
    points: tuple[OperatingPoint, ...]
    missing: tuple[str, ...]

    @property
    def offered(self) -> bool:
        """A rate that one setting has too few trials for is none to pick."""
        return bool(self.points) and not self.missing

    @property
    def llr(self) -> float:
        """The largest of the thresholds: at it every setting holds about the rate, or less."""
        return max(point.llr for point in self.points)

    def prior(self, *, cost_false_match: float, cost_false_non_match: float) -> float:
        """The prior whose posterior under the costs is one half at ``llr``."""
        return 1 / (1 + math.exp(self.llr - math.log(cost_false_match) + math.log(cost_false_non_match)))


def choices() -> tuple[Choice, ...]:
    """Every rate that the calibrations may speak of, also those that they do not support."""
    return import_string(settings.POLICY_OPERATING_POINTS)()
