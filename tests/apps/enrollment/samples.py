"""Samples whose faces are numbers, and jobs of them worked off at once."""

from __future__ import annotations

import numpy as np

from apps.captures.bundle import Bundle
from apps.enrollment.models import EnrolmentJob
from apps.enrollment.services.start import start_enrolment
from apps.enrollment.services.work_off import work_off
from apps.identities.models import Person
from tests.factories import direction


class Embedded:
    quality: dict[str, float] = {}
    score = 1.0

    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector


def embed(modality: str, content: bytes) -> Embedded:
    """The seed of the face is the content."""
    noise = 0.02 * direction(int(content[-4:]) + 500)
    vector = direction(int(content[:4])) + noise
    return Embedded((vector / np.linalg.norm(vector)).astype(np.float32))


def llr(modality: str, cosine: float) -> float:
    return 50 * cosine - 30


def faces(*seeds: int) -> Bundle:
    return Bundle(frames=[f"{seed:04d}{index:04d}".encode() for index, seed in enumerate(seeds)])


def job_for(person: Person, bundle: Bundle, *, source: str = "rest") -> EnrolmentJob:
    job = start_enrolment(person=person, bundle=bundle, source=source, actor_id="test", dispatched=False)
    work_off(str(job.public_id), embed, llr)
    job.refresh_from_db()
    person.refresh_from_db()
    return job
