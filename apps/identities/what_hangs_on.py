"""What is deleted together with a person: every row that hangs on theirs or on their account, in whatever app."""

from __future__ import annotations

from django.db.models import CASCADE, Model

from apps.identities.models import Person


def what_hangs_on(person: Person) -> list[tuple[str, int]]:
    """Names of kinds, and how many of each there are; kinds without any are left out."""
    counts = [
        (str(relation.related_model._meta.verbose_name_plural), _count(relation, row))
        for row in (person, person.user)
        for relation in row._meta.related_objects
        if relation.on_delete is CASCADE and relation.related_model is not Person
    ]
    return [(kind, count) for kind, count in counts if count]


def _count(relation, row: Model) -> int:
    return relation.related_model._base_manager.filter(**{relation.field.name: row}).count()
