"""A policy in words: what each field is called, and its value as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LABELS = {
    "prior": "prior: how likely a claim is to be true before anybody looks",
    "cost_false_match": "cost of a false match",
    "cost_false_non_match": "cost of a false non-match",
    "confidence_low": "posterior from which a question is asked",
    "confidence_high": "posterior above which somebody is let in",
    "required_modalities": "required: face, voice",
    "gates": "gates",
    "challenges": "challenges to draw from",
    "challenge_count": "challenges asked of each attempt",
    "challenge_choice": "people may leave out what they cannot do",
    "challenge_deadline_seconds": "seconds until a challenged capture has to arrive",
    "second_factor_after_challenge": "second factor after a security question",
    "operators_need_second_factor": "operators need a second factor",
    "replay_memory": "earlier captures remembered of a person",
    "capture_retention_days": "days that pictures and sound of captures are kept (0: gone with the decision)",
    "attempt_retention_days": "days that attempts with what was measured are kept",
    "enrolment_job_retention_days": "days that finished enrolment jobs are kept",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One value of a policy as a page shows it. ``source`` is ``environment`` or ``change N``."""

    label: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Change:
    label: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.label}: {self.before} → {self.after}"


def spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {rule}" for name, rule in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def changes_in_words(changes: dict[str, list[Any]]) -> list[Change]:
    """Of a version's ``changes``, which name gates one by one."""
    return [Change(LABELS.get(name, name), spoken(before), spoken(after)) for name, (before, after) in changes.items()]
