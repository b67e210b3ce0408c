"""How an operator finds attempts in the admin: by reason, by review, by whom and from where."""

from __future__ import annotations

import ipaddress
import uuid

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from apps.errors import ErrorCode
from apps.identities.models import Person
from apps.verification.models import Capture, Decision, VerdictReview
from apps.verification.selectors import SAID_TO_ANYBODY
from apps.verification.services.decide import COUNTED

REASONS = sorted(code.value for code in SAID_TO_ANYBODY | COUNTED | {ErrorCode.UNCERTAIN})
MOST_PEOPLE = 200  # whose attempts one search shows
UNREVIEWED = "none"


class ReasonFilter(admin.SimpleListFilter):
    """The reasons that a decision can have are known: no query looks for them."""

    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin):
        return [(reason, reason) for reason in REASONS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Capture]) -> QuerySet[Capture]:
        return queryset.filter(decision__reason=self.value()) if self.value() else queryset


class ReviewFilter(admin.SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin):
        return [(UNREVIEWED, "not reviewed"), *((verdict.value, verdict.value) for verdict in VerdictReview.Verdict)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Capture]) -> QuerySet[Capture]:
        if self.value() == UNREVIEWED:
            return queryset.filter(decision__isnull=False, review__isnull=True)
        return queryset.filter(review__verdict=self.value()) if self.value() else queryset


def attempts_found(attempts: QuerySet[Capture], term: str) -> QuerySet[Capture]:
    """Attempts with this id, from this address, or of people of this name or id: those that claimed to be them, and those
    in which they were recognised."""
    try:
        return attempts.filter(address=str(ipaddress.ip_address(term)))
    except ValueError:
        pass
    try:
        public_id = uuid.UUID(term)
    except ValueError:
        people = Person.objects.filter(user__username__icontains=term)
    else:
        if attempts.filter(public_id=public_id).exists():
            return attempts.filter(public_id=public_id)
        people = Person.objects.filter(public_id=public_id)
    keys = list(people.order_by("pk").values_list("pk", flat=True)[:MOST_PEOPLE])
    recognised = Decision.objects.filter(person__in=keys).values("capture_id")
    return attempts.filter(Q(claimed__in=keys) | Q(pk__in=recognised))
