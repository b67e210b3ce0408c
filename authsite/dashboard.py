"""What an operator sees first, as a page and as JSON: attempts, refusals, queues, workers, gallery.

Counts are made by the database; nothing here reads attempts one by one.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Min, Q
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.models import Person, Template
from apps.verification.models import Capture, Decision, Outcome, StageRecord
from authsite.health import worker_health

DAYS = 14
RECENT = timedelta(days=7)
LATEST = 8
QUEUES = ("captures", "previews", "enrolments")
COLOURS = {Outcome.GRANTED: "#2f9e62", Outcome.REQUIRE_2FA: "#c98a12", Outcome.DENIED: "#c4423a"}


def statistics() -> dict[str, Any]:
    """Everything on the dashboard as plain JSON values."""
    since = timezone.now() - RECENT
    return {
        "at": timezone.now().isoformat(timespec="seconds"),
        "attempts": attempts_by_day(),
        "refused_by_stage": refused_by_stage(since),
        "refused_by_reason": refused_by_reason(since),
        "non_match_as_seen": non_match_as_seen(since),
        "queues": queues(),
        "workers": worker_health(),
        "gallery": gallery(),
        "to_decide": {
            "duplicates": DuplicateCase.objects.filter(status=DuplicateCase.Status.OPEN).count(),
            "enrolments_waiting": EnrolmentJob.objects.filter(status=EnrolmentJob.Status.QUEUED).count(),
        },
    }


def attempts_by_day() -> list[dict[str, Any]]:
    """Decisions of the last days by outcome, one row a day, days without any included."""
    first = (timezone.now() - timedelta(days=DAYS - 1)).date()
    rows = Decision.objects.filter(at__date__gte=first).annotate(day=TruncDate("at")).values("day", "outcome")
    counts = {(row["day"], row["outcome"]): row["count"] for row in rows.annotate(count=Count("pk")).order_by()}
    days = [first + timedelta(days=index) for index in range(DAYS)]
    return [
        {"day": day.isoformat(), **{outcome.value: counts.get((day, outcome.value), 0) for outcome in Outcome}}
        for day in days
    ]


def refused_by_stage(since: datetime) -> list[dict[str, Any]]:
    rows = StageRecord.objects.filter(outcome="refused", capture__created_at__gte=since).values("name")
    return [{**row} for row in rows.annotate(count=Count("pk")).order_by("-count")]


def refused_by_reason(since: datetime) -> list[dict[str, Any]]:
    rows = Decision.objects.filter(outcome=Outcome.DENIED, at__gte=since).values("reason")
    return [{**row} for row in rows.annotate(count=Count("pk")).order_by("-count")]


def non_match_as_seen(since: datetime) -> dict[str, Any]:
    """Refusals among attempts that claimed a name. Nobody knows who of them was genuine, so this is no FNMR: attacks
    raise it, and people who give up lower it."""
    claimed = Decision.objects.filter(at__gte=since, capture__one_to_many=False)
    counts = claimed.aggregate(all=Count("pk"), denied=Count("pk", filter=Q(outcome=Outcome.DENIED)))
    share = counts["denied"] / counts["all"] if counts["all"] else None
    return {"attempts": counts["all"], "denied": counts["denied"], "share": share}


def queues() -> dict[str, Any]:
    """Messages waiting by queue, None where Redis does not answer; seconds that the oldest capture has waited."""
    waiting: dict[str, int | None]
    try:
        client = cache.client.get_client()  # type: ignore[attr-defined]
        waiting = {name: int(client.llen(name)) for name in QUEUES}
    except (RedisError, OSError):
        waiting = dict.fromkeys(QUEUES)
    oldest = Capture.objects.filter(status=Capture.Status.QUEUED).aggregate(Min("created_at"))["created_at__min"]
    age = round((timezone.now() - oldest).total_seconds(), 1) if oldest else None
    return {"waiting": waiting, "oldest_capture_seconds": age}


def gallery() -> dict[str, Any]:
    templates = Template.objects.values("model_version__pack", "model_version__name").annotate(count=Count("pk"))
    return {
        "people": dict(Person.objects.values_list("status").annotate(Count("pk")).order_by()),
        "templates": [
            {"pack": row["model_version__pack"], "model": row["model_version__name"], "count": row["count"]}
            for row in templates.order_by("-count")
        ],
    }


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: the admin's first page, for those who may see attempts."""
    if not request.user.has_perm("verification.view_capture"):
        return context
    values = statistics()
    days = values["attempts"]
    chart = {
        "labels": [day["day"][5:] for day in days],
        "datasets": [
            {"label": outcome.value, "data": [day[outcome.value] for day in days], "backgroundColor": COLOURS[outcome]}
            for outcome in Outcome
        ],
    }
    latest = Decision.objects.filter(outcome=Outcome.DENIED).select_related("capture__claimed__user").order_by("-pk")
    return context | {"statistics": values, "chart": json.dumps(chart), "latest_denied": latest[:LATEST]}
