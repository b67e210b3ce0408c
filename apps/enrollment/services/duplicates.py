"""Who is already here under another name: found by 1:N search, decided by an operator."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.gallery import StoredGallery
from apps.identities.models import Person
from apps.identities.services.people import set_status
from apps.identities.services.templates import touch_gallery

if TYPE_CHECKING:
    import numpy as np

SEARCH_LIMIT = 5
# A case is opened when being the same person is this much likelier than not, for anybody in the gallery.
ODDS_NEEDED = 9.0


@dataclass(frozen=True, slots=True)
class Resemblance:
    person_id: int
    modality: str
    llr: float


def resemblances(
    person: Person,
    probes: Sequence[tuple[str, np.ndarray]],
    gallery: StoredGallery,
    llr: Callable[[str, float], float],
) -> list[Resemblance]:
    """Others whom the probes resemble beyond what a gallery of this size brings by chance, the likeliest first.

    Face and voice add up as log-likelihood ratios; ``modality`` names the stronger one.
    """
    import numpy as np

    parts: dict[int, dict[str, float]] = defaultdict(dict)
    for modality in {modality for modality, _ in probes}:
        total = np.sum([vector for name, vector in probes if name == modality], axis=0)
        probe = (total / np.linalg.norm(total)).astype(np.float32)
        for neighbour in gallery.search(modality, probe, SEARCH_LIMIT):
            if neighbour.person_id != person.pk:
                parts[neighbour.person_id][modality] = llr(modality, neighbour.similarity)
    needed = math.log(ODDS_NEEDED * max(1, *(gallery.size(modality) for modality in ("face", "voice"))))
    found = [
        Resemblance(other, max(scores, key=lambda name: scores[name]), sum(scores.values()))
        for other, scores in parts.items()
    ]
    return sorted((one for one in found if one.llr > needed), key=lambda one: -one.llr)


def decide_duplicate(*, case: DuplicateCase, same: bool, note: str, actor_id: object) -> None:
    """An operator's word. The same person: the newcomer's biometrics are deleted and the name suspended. Different
    people: the newcomer is let in once no case is open.

    Raises:
        CosmicError: ``invalid_request`` when it was decided already.
    """
    with transaction.atomic():
        status = DuplicateCase.Status.SAME if same else DuplicateCase.Status.DISTINCT
        decided = DuplicateCase.objects.filter(pk=case.pk, status=DuplicateCase.Status.OPEN).update(
            status=status, decided_by=str(actor_id), decided_at=timezone.now(), note=note
        )
        if not decided:
            raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"case": ["This case was decided already."]})
        person = case.person
        record_event(
            action="duplicate.decided",
            actor_id=actor_id,
            subject_id=person.public_id,
            result=status.value,
            reference=case.resembles.public_id,
        )
        if same:
            _turn_away(person, actor_id=actor_id)
        elif not person.duplicate_cases.filter(status=DuplicateCase.Status.OPEN).exists():
            if person.status == Person.Status.IN_REVIEW:
                set_status(person=person, status=Person.Status.ACTIVE, actor_id=actor_id)
            person.enrolments.filter(status=EnrolmentJob.Status.IN_REVIEW).update(
                status=EnrolmentJob.Status.DONE, error_code="", finished_at=timezone.now()
            )


def _turn_away(person: Person, *, actor_id: object) -> None:
    names = list(person.samples.values_list("blob", flat=True))
    person.samples.all().delete()
    touch_gallery()
    set_status(person=person, status=Person.Status.SUSPENDED, actor_id=actor_id)
    person.enrolments.filter(status=EnrolmentJob.Status.IN_REVIEW).update(
        status=EnrolmentJob.Status.REFUSED, error_code=ErrorCode.POSSIBLE_DUPLICATE, finished_at=timezone.now()
    )
    transaction.on_commit(lambda: blobs.erase_all(names))
