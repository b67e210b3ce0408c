"""What an enrolment still holds of a person who is to be forgotten."""

from __future__ import annotations

from django.db import transaction

from apps.enrollment.models import EnrolmentJob
from apps.identities import blobs
from apps.identities.models import Person


def forget_enrolments(person: Person) -> None:
    """Erase bundles that wait to be worked off; a job without one ends refused."""
    jobs = EnrolmentJob.objects.filter(person=person).exclude(blob="")
    names = list(jobs.values_list("blob", flat=True))
    jobs.update(blob="")
    transaction.on_commit(lambda: blobs.erase_all(names))
