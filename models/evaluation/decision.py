"""From log-likelihood ratios to decisions: the prior and the costs of errors set one threshold. Standard library only.

Source: Bruemmer and du Preez, "Application-independent evaluation of speaker detection", Computer Speech and Language
2006. Prior and costs matter only through the effective prior pi' = pi C_fnm / (pi C_fnm + (1 - pi) C_fm); the decision
that costs least is a match where llr >= -logit(pi').
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a decision rests on beside the evidence.

    Arguments:
        prior: probability, before looking, that the claim is true, in (0, 1).
        cost_false_match, cost_false_non_match: above 0; only their ratio matters.

    Raises:
        ValueError: one of them is no such number.
    """

    prior: float
    cost_false_match: float = 1.0
    cost_false_non_match: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.prior < 1:
            raise ValueError(f"a prior lies between 0 and 1, {self.prior} does not")
        for cost in (self.cost_false_match, self.cost_false_non_match):
            if not (cost > 0 and math.isfinite(cost)):
                raise ValueError(f"a cost is above 0 and finite, {cost} is not")

    @property
    def effective_prior(self) -> float:
        """The prior that at equal costs leads to the same decisions."""
        match = self.prior * self.cost_false_non_match
        return match / (match + (1 - self.prior) * self.cost_false_match)

    @property
    def threshold(self) -> float:
        """Bayes threshold: the natural-log likelihood ratio from which on a match costs least."""
        return math.log1p(-self.prior) - math.log(self.prior) + self._log_cost_ratio

    @property
    def _log_cost_ratio(self) -> float:
        return math.log(self.cost_false_match) - math.log(self.cost_false_non_match)
