"""Stage 3: face and voice against the gallery, fused into one log-likelihood ratio.

The fusion engine says how likely the probe is under "same person" against "another" (MIMOP-FAME-CEBS, COSMIC, logistic
regression, or the sum of each modality's ratio: docs/research.md). Each modality's own calibrated ratio goes into the
evidence, and guards the required ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from worker.cascade.stage import Context
from worker.cascade.types import Candidate, Modality, Reason, StageOutcome, StageResult
from worker.engines.fusion import Fused, FusionEngine
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
    fused: Fused | None = None


class FusionStage:
    name = NAME

    def __init__(self, engine: FusionEngine, calibrations: dict[Modality, Calibration]) -> None:
        self._engine = engine
        self._calibrations = calibrations

    def run(self, context: Context) -> StageResult:
        people = self._nearest(context) if context.claim.one_to_many else _claimed(context)
        compared = self._compare(context, people)
        method = self._engine.method.value
        if not compared:
            return StageResult(NAME, StageOutcome.REFUSED, reason=Reason.NO_REFERENCE, evidence={"method": method})
        enrolled = max(1, *(context.gallery.size(modality) for modality in context.probes))
        prior = context.policy.effective_prior / (enrolled if context.claim.one_to_many else 1)
        context.candidates = posteriors(compared, prior=prior, enrolled=len(compared))
        best = max(compared, key=lambda one: one.llr)
        evidence: dict[str, object] = {"method": method, "prior": prior, "people_compared": len(compared)}
        evidence |= _fusion_evidence(best.fused)
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
        alike: dict[tuple[Modality, ...], list[int]] = {}
        for person in people:
            shown = tuple(modality for modality in context.probes if person in references[modality])
            if shown and context.policy.required_modalities <= set(shown):
                alike.setdefault(shown, []).append(person)
        compared = [
            one
            for shown, group in alike.items()
            for one in self._compare_group(
                context, group, {modality: np.stack([references[modality][one] for one in group]) for modality in shown}
            )
        ]
        order = {person: place for place, person in enumerate(people)}
        return sorted(compared, key=lambda one: order[one.person_id])

    def _compare_group(
        self, context: Context, people: list[int], references: dict[Modality, np.ndarray]
    ) -> list[Compared]:
        """People who show the same modalities: one call of the engine for all of them."""
        cosines = {modality: vectors @ context.probes[modality] for modality, vectors in references.items()}
        fused_all = self._engine.compare(
            {modality.value: vector for modality, vector in context.probes.items()},
            {modality.value: quality for modality, quality in context.qualities.items()},
            {modality.value: vectors for modality, vectors in references.items()},
        )
        compared = []
        for row, (person, fused) in enumerate(zip(people, fused_all, strict=True)):
            parts = {
                modality: (float(one[row]), self.llr(modality, float(one[row]))) for modality, one in cosines.items()
            }
            total = guarded(fused, parts, context.policy.required_modalities)
            compared.append(Compared(person, total, parts, fused))
        return compared

    def llr(self, modality: Modality, cosine: float) -> float:
        """Natural-log likelihood ratio of a cosine, held within LARGEST_LLR; ValueError for one that is no number."""
        return _held(self._calibrations[modality].llr(cosine))


def guarded(fused: Fused, parts: dict[Modality, tuple[float, float]], required: frozenset[Modality]) -> float:
    """The fused ratio, which a required modality that speaks against the person holds down: it is not outvoted.

    Opinions that contradict each other in everything say nothing, and nothing must match nobody.
    """
    if fused.opinion is not None and fused.opinion.contradicts_itself:
        return -LARGEST_LLR
    against = [llr for modality, (_, llr) in parts.items() if modality in required and llr < 0]
    return min([_held(fused.llr), *against])


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


def _held(llr: float) -> float:
    return max(-LARGEST_LLR, min(LARGEST_LLR, llr))


def _fusion_evidence(fused: Fused | None) -> dict[str, object]:
    """What the fusion said of the best candidate, for the operator."""
    if fused is None:
        return {}
    evidence: dict[str, object] = {"calibration": fused.calibration}
    if fused.opinion is not None:
        evidence |= {
            "belief": round(fused.opinion.belief, 4),
            "disbelief": round(fused.opinion.disbelief, 4),
            "uncertainty": round(fused.opinion.uncertainty, 4),
            "conflict": round(fused.opinion.conflict, 4),
        }
    return evidence
