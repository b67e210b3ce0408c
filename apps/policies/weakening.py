"""What a change takes away from protection, in words. Pure functions."""

from __future__ import annotations

from apps.policies.values import ADVISE, IF_THERE, OFF, REQUIRE, PolicyValues

STRENGTH = {OFF: 0, ADVISE: 1, IF_THERE: 2, REQUIRE: 3}
NEARLY = 1e-9  # of a log-likelihood ratio; less is rounding
KEPT_LONGER = {
    "capture_retention_days": "Pictures and sound of captures",
    "attempt_retention_days": "Attempts with what the stages measured",
    "enrolment_job_retention_days": "Enrolment jobs",
}


def weaker(before: PolicyValues, after: PolicyValues) -> list[str]:
    """One sentence for each thing that gets weaker; empty where nothing does."""
    return [*_evidence(before, after), *_presence(before, after), *_retention(before, after)]


def _evidence(before: PolicyValues, after: PolicyValues) -> list[str]:
    found = []
    for was, will, what in (
        (before.ratio_at(before.confidence_high), after.ratio_at(after.confidence_high), "let in"),
        (before.ratio_at(before.confidence_low), after.ratio_at(after.confidence_low), "asked instead of refused"),
    ):
        if will < was - NEARLY:
            found.append(
                f"People are {what} on less evidence: a log-likelihood ratio of {will:.2f} instead of {was:.2f}. "
                "More strangers pass for somebody else."
            )
    dropped = sorted(set(before.required_modalities) - set(after.required_modalities))
    found += [f"The {modality} is no longer required." for modality in dropped]
    if before.second_factor_after_challenge and not after.second_factor_after_challenge:
        found.append("Who answers a security question needs no second factor any more.")
    if before.operators_need_second_factor and not after.operators_need_second_factor:
        found.append("Operators enter by a password alone.")
    return found


def _presence(before: PolicyValues, after: PolicyValues) -> list[str]:
    found = [
        f"The gate {gate} falls from {rule} to {after.gates[gate]}."
        for gate, rule in before.gates.items()
        if STRENGTH[after.gates[gate]] < STRENGTH[rule]
    ]
    if after.challenge_count < before.challenge_count:
        found.append(f"{after.challenge_count} challenges are asked for instead of {before.challenge_count}.")
    gone = sorted(set(before.challenges) - set(after.challenges))
    if gone:
        found.append(f"What is asked can be foreseen more easily: {', '.join(gone)} is no longer drawn.")
    found += _added_kinds(before, after)
    if after.challenge_choice and not before.challenge_choice:
        found.append("People may leave out challenges, and so choose what an attack is made for.")
    if after.challenge_deadline_seconds > before.challenge_deadline_seconds:
        found.append(
            f"There are {after.challenge_deadline_seconds} s instead of {before.challenge_deadline_seconds} s to make up "
            "an answer to a challenge."
        )
    if after.replay_memory < before.replay_memory:
        found.append(
            f"Only {after.replay_memory} instead of {before.replay_memory} earlier captures of a person are remembered: "
            "older ones can be shown again."
        )
    return found


def _added_kinds(before: PolicyValues, after: PolicyValues) -> list[str]:
    """Where not all kinds are asked of everybody, the weakest of them is what an attack has to pass."""
    added = sorted(set(after.challenges) - set(before.challenges))
    asked = before.challenge_count and after.challenge_count
    if not added or not asked or not (after.challenge_choice or after.challenge_count < len(after.challenges)):
        return []
    how = "choose" if after.challenge_choice else "wait until it is drawn"
    return [f"Another kind may be asked instead: {', '.join(added)}. Whoever can fake it can {how}."]


def _retention(before: PolicyValues, after: PolicyValues) -> list[str]:
    found = [
        f"{what} are kept for {getattr(after, name)} days instead of {getattr(before, name)}."
        for name, what in KEPT_LONGER.items()
        if getattr(after, name) > getattr(before, name)
    ]
    if after.attempt_retention_days < before.attempt_retention_days:
        found.append(
            f"Attempts older than {after.attempt_retention_days} days instead of {before.attempt_retention_days} are deleted "
            "for good, and with them the fingerprints of their pictures: the very same pictures are then new again."
        )
    return found
