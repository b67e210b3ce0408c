"""Stage 3: calibrated scores of face and voice, added as log-likelihood ratios.

Source: Bruemmer et al., IEEE TASLP 2007. Adding assumes that face and voice err independently given the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from worker.cascade.stage import Context
from worker.cascade.types import Candidate, Modality, Reason, StageOutcome, StageResult
from worker.engines.types import Calibration

NAME = "fusion"
SEARCH_LIMIT = 10
# Evidence beyond a million to one is not believed: no calibration set is that large.
LARGEST_LLR = math.log(1e6)


@dataclass(frozen=True, slots=True)
class Compared:
    person_id: int
    llr: float
    parts: dict[Modality, tuple[float, float]]  # cosine, llr


class FusionStage:
    name = NAME

    def __init__(self, calibrations: dict[Modality, Calibration]) -> None:
        self._calibrations = calibrations

    def run(self, context: Context) -> StageResult:
        people = self._nearest(context) if context.claim.one_to_many else _claimed(context)
        compared = self._compare(context, people)
        if not compared:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_REFERENCE, evidence={"method": "llr_sum"})
        enrolled = max(1, *(context.gallery.size(modality) for modality in context.probes))
        prior = context.policy.prior / enrolled if context.claim.one_to_many else context.policy.prior
        context.candidates = posteriors(compared, prior=prior, enrolled=len(compared))
        best = max(compared, key=lambda one: one.llr)
        evidence: dict[str, object] = {"method": "llr_sum", "prior": prior, "people_compared": len(compared)}
        for modality, (cosine, llr) in best.parts.items():
            evidence[modality.value] = {
                "cosine": round(cosine, 4),
                "llr": round(llr, 3),
                "calibration": self._calibrations[modality].name,
                "quality": round(context.qualities[modality], 3),
            }
        return StageResult(NAME, StageOutcome.PASSED, llr=best.llr, evidence=evidence)

    def _nearest(self, context: Context) -> list[int]:
        people: list[int] = []
        for modality, probe in context.probes.items():
            people += [found.person_id for found in context.gallery.search(modality, probe, SEARCH_LIMIT)]
        return list(dict.fromkeys(people))

    def _compare(self, context: Context, people: list[int]) -> list[Compared]:
        """Everybody who has a reference in every modality that policy requires, compared in all that both sides have."""
        references = {modality: context.gallery.references(modality, people) for modality in context.probes}
        compared = []
        for person in people:
            parts = {}
            for modality, probe in context.probes.items():
                reference = references[modality].get(person)
                if reference is not None:
                    cosine = float(reference @ probe)
                    parts[modality] = (cosine, self.llr(modality, cosine))
            if parts and context.policy.required_modalities <= parts.keys():
                compared.append(Compared(person, fused(parts, context.policy.required_modalities), parts))
        return compared

    def llr(self, modality: Modality, cosine: float) -> float:
        """Natural-log likelihood ratio of a cosine, held within LARGEST_LLR."""
        calibration = self._calibrations[modality]
        if not math.isfinite(cosine):
            raise ValueError("a cosine that is no number must match nobody")
        return max(-LARGEST_LLR, min(LARGEST_LLR, calibration.slope * cosine + calibration.offset))


def fused(parts: dict[Modality, tuple[float, float]], required: frozenset[Modality]) -> float:
    """The sum of log-likelihood ratios; a required modality that speaks against the person is not outvoted."""
    total = sum(llr for _, llr in parts.values())
    against = [llr for modality, (_, llr) in parts.items() if modality in required and llr < 0]
    return min([total, *against])


def posteriors(compared: list[Compared], *, prior: float, enrolled: int) -> tuple[Candidate, ...]:
    """Posterior of each person against all others compared and against nobody, best first.

    P(i) = p e^llr_i / (1 - n p + sum_j p e^llr_j), with p the prior of one person and n how many are compared.
    """
    odds = {one.person_id: prior * math.exp(one.llr) for one in compared}
    whole = max(1 - prior * enrolled, 0.0) + sum(odds.values())
    return tuple(
        Candidate(one.person_id, one.llr, odds[one.person_id] / whole)
        for one in sorted(compared, key=lambda one: -one.llr)
    )


def _claimed(context: Context) -> list[int]:
    return [context.claim.person_id] if context.claim.person_id is not None else []
