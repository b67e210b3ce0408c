"""What an operator sees first, as a page and as JSON: attempts, refusals, queues, workers, gallery.

Counts are made by the database; nothing here reads attempts one by one.
"""

from __future__ import annotations

import json
import time
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import Case, CharField, Count, DateField, Func, Min, Q, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from redis.exceptions import RedisError

from apps.enrollment.models import DuplicateCase, EnrolmentJob
from apps.identities.calibrations import calibration
from apps.identities.models import GalleryState, ModelVersion, Person, Template
from apps.identities.services.second_factor import operators_without_factor
from apps.verification.models import STAGES, Capture, Decision, Outcome, StageRecord
from apps.verification.services.decide import GATE_REASONS
from apps.workers import LOADED_KEY, READY_KEY, SIGNS_OF_LIFE
from authsite.health import worker_health

DAYS = 14
RECENT = timedelta(days=7)
LATEST = 8
TIMED = 5_000  # decisions at most whose times are looked at
QUEUES = ("captures", "previews", "enrolments")
COLOURS: dict[str, str] = {Outcome.GRANTED: "#2f9e62", Outcome.REQUIRE_2FA: "#c98a12", Outcome.DENIED: "#c4423a"}
STAGE_COLOURS = dict(zip(STAGES, ("#2563eb", "#8b5cf6", "#0e9384", "#c98a12", "#c4423a"), strict=True))
# Unfold's own options name no colours and lay bars over each other.
CHART_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "datasets": {"bar": {"maxBarThickness": 24}},
    "plugins": {"legend": {"align": "end", "labels": {"boxWidth": 12, "boxHeight": 12}}},
    "scales": {
        "x": {"stacked": True, "grid": {"display": False}},
        "y": {"stacked": True, "beginAtZero": True, "ticks": {"precision": 0}},
    },
}


class Day(Func):
    """The UTC day of a time, by the database's own function: SQLite calls Django's in Python, once a row."""

    function = "DATE"
    output_field = DateField()


def statistics() -> dict[str, Any]:
    """Everything on the dashboard as plain JSON values."""
    since = timezone.now() - RECENT
    reasons = refused_by_reason(since)
    return {
        "at": timezone.now().isoformat(timespec="seconds"),
        "attempts": attempts_by_day(),
        "refusals": refusals_by_day(),
        "refused_by_stage": refused_by_stage(since),
        "refused_by_reason": reasons,
        "refused_by_gates": [row for row in reasons if row["reason"] in GATE_REASONS],
        "non_match_as_seen": non_match_as_seen(since),
        "cascade_milliseconds": cascade_milliseconds(timezone.now() - timedelta(days=1)),
        "queues": queues(),
        "workers": worker_health() | {"seen": workers_seen()},
        "models": models_answering(),
        "gallery": gallery(),
        "operators_without_second_factor": operators_without_factor().count(),
        "to_decide": {
            "duplicates": DuplicateCase.objects.filter(status=DuplicateCase.Status.OPEN).count(),
            "enrolments_waiting": EnrolmentJob.objects.filter(status=EnrolmentJob.Status.QUEUED).count(),
        },
    }


def attempts_by_day() -> list[dict[str, Any]]:
    """Decisions of the last days by outcome, one row a day, days without any included."""
    first = _first_midnight()
    rows = Decision.objects.filter(at__gte=first).annotate(day=Day("at")).values("day", "outcome")
    counts = {(row["day"], row["outcome"]): row["count"] for row in rows.annotate(count=Count("pk")).order_by()}
    return [
        {"day": day.isoformat(), **{outcome.value: counts.get((day, outcome.value), 0) for outcome in Outcome}}
        for day in _days(first)
    ]


def refusals_by_day() -> list[dict[str, Any]]:
    """Refusals of the same days by the stage that refused. Captures are numbered in time, so that the first number of a
    day stands for its midnight, and no row is joined."""
    first = _first_midnight()
    numbered = Capture.objects.filter(created_at__gte=first).annotate(day=Day("created_at")).values("day")
    starts = sorted((row["least"], row["day"]) for row in numbered.annotate(least=Min("pk")).order_by())
    counts: dict[tuple[date, str], int] = {}
    if starts:
        later = [When(capture_id__gte=least, then=Value(day.isoformat())) for least, day in reversed(starts)]
        refused = StageRecord.objects.filter(outcome="refused", capture_id__gte=starts[0][0])
        rows = refused.annotate(day=Case(*later, output_field=CharField())).values("day", "name")
        counts = {
            (date.fromisoformat(row["day"]), row["name"]): row["count"]
            for row in rows.annotate(count=Count("pk")).order_by()
        }
    return [
        {"day": day.isoformat(), **{stage: counts.get((day, stage), 0) for stage in STAGES}} for day in _days(first)
    ]


def _first_midnight() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)


def _days(first: datetime) -> list[date]:
    return [first.date() + timedelta(days=index) for index in range(DAYS)]


def refused_by_stage(since: datetime) -> list[dict[str, Any]]:
    """Captures are numbered in time, so that the first one's number stands for the time, and no row is joined."""
    first = Capture.objects.filter(created_at__gte=since).order_by("created_at").values_list("pk", flat=True).first()
    if first is None:
        return []
    rows = StageRecord.objects.filter(outcome="refused", capture_id__gte=first).values("name")
    return [{**row} for row in rows.annotate(count=Count("pk")).order_by("-count")]


def refused_by_reason(since: datetime) -> list[dict[str, Any]]:
    rows = Decision.objects.filter(outcome=Outcome.DENIED, at__gte=since).values("reason")
    return [{**row} for row in rows.annotate(count=Count("pk")).order_by("-count")]


def non_match_as_seen(since: datetime) -> dict[str, Any]:
    """Refusals among attempts that claimed a name, in all and by day. Nobody knows who of them was genuine, so this is
    no FNMR: attacks raise it, and people who give up lower it."""
    claimed = Decision.objects.filter(at__gte=since, capture__one_to_many=False)
    denied = Count("pk", filter=Q(outcome=Outcome.DENIED))
    rows = list(
        claimed.annotate(day=Day("at")).values("day").annotate(attempts=Count("pk"), denied=denied).order_by("day")
    )
    by_day = [{**row, "day": row["day"].isoformat(), "share": row["denied"] / row["attempts"]} for row in rows]
    attempts, refused = sum(row["attempts"] for row in rows), sum(row["denied"] for row in rows)
    return {
        "attempts": attempts,
        "denied": refused,
        "share": refused / attempts if attempts else None,
        "by_day": by_day,
    }


def cascade_milliseconds(since: datetime) -> dict[str, Any]:
    """Median and 95th percentile of the time in the cascade, over the newest ``TIMED`` decisions since then."""
    newest = Decision.objects.filter(at__gte=since, milliseconds__gt=0).order_by("-at")
    times = sorted(newest.values_list("milliseconds", flat=True)[:TIMED])
    if not times:
        return {"decisions": 0, "median": None, "p95": None}
    return {
        "decisions": len(times),
        "median": round(times[len(times) // 2]),
        "p95": round(times[min(len(times) - 1, len(times) * 95 // 100)]),
    }


def models_answering() -> list[dict[str, Any]]:
    """The models of the pack that answers: what each one's calibration is called, and when it was made."""
    pack = GalleryState.objects.values_list("pack", flat=True).first() or settings.ENV.pack
    newest = {(one.modality, one.name): one for one in ModelVersion.objects.filter(pack=pack).order_by("pk")}
    return [_model(version) for version in newest.values()]


def workers_seen() -> list[dict[str, Any]]:
    """Each ready worker, seconds since its last sign of life, its pack and the gates for which it lacks weights; none
    where Redis does not answer."""
    try:
        seen = cache.get_many(cache.keys(SIGNS_OF_LIFE))  # type: ignore[attr-defined]
        names = {key: key.removeprefix(READY_KEY.format(hostname="")) for key in seen}
        loaded = cache.get_many([LOADED_KEY.format(hostname=name) for name in names.values()])
    except Exception:  # django-redis wraps Redis's errors in its own; worker_health says which
        return []
    return [
        {
            "worker": names[key],
            "seconds_since_seen": round(time.time() - at, 1),
            **loaded.get(LOADED_KEY.format(hostname=names[key]), {}),
        }
        for key, at in sorted(seen.items())
        if at
    ]


def _model(version: ModelVersion) -> dict[str, Any]:
    made = calibration(version.calibration)
    try:
        age = (timezone.now().date() - date.fromisoformat(made.made_at[:10])).days
    except ValueError:  # calibrations of COSMIC 1.0 do not say when they were made
        age = None
    return {"modality": version.modality, "model": version.name, "calibration": made.name, "age_days": age}


def queues() -> dict[str, Any]:
    """Messages waiting by queue, None where Redis does not answer; seconds that the oldest of each kind has waited."""
    waiting: dict[str, int | None]
    try:
        client = cache.client.get_client()  # type: ignore[attr-defined]
        waiting = {name: int(client.llen(name)) for name in QUEUES}
    except (RedisError, OSError):
        waiting = dict.fromkeys(QUEUES)
    captures = Capture.objects.filter(status=Capture.Status.QUEUED)
    enrolments = EnrolmentJob.objects.filter(status=EnrolmentJob.Status.QUEUED)
    return {
        "waiting": waiting,
        "oldest_capture_seconds": _age_of_the_oldest(captures),
        "oldest_enrolment_seconds": _age_of_the_oldest(enrolments),
    }


def _age_of_the_oldest(rows: QuerySet[Any]) -> float | None:
    oldest = rows.aggregate(Min("created_at"))["created_at__min"]
    return round((timezone.now() - oldest).total_seconds(), 1) if oldest else None


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
    refused = Decision.objects.filter(outcome=Outcome.DENIED).select_related("capture__claimed__user").order_by("-at")
    latest = list(refused[:LATEST])
    may_look = request.user.has_perm("verification.view_capture_pictures")
    pictured = [decision for decision in latest if may_look and decision.capture.blob]
    return context | {
        "statistics": values,
        "chart": _chart(values["attempts"], COLOURS),
        "stage_chart": _chart(values["refusals"], STAGE_COLOURS),
        "chart_options": json.dumps(CHART_OPTIONS),
        "latest_denied": latest,
        "pictured": pictured,
    }


def _chart(days: list[dict[str, Any]], colours: dict[str, str]) -> str:
    """The bars of some days for Chart.js, one colour a name."""
    bars = [{"label": name, "data": [day[name] for day in days], "backgroundColor": colours[name]} for name in colours]
    return json.dumps({"labels": [day["day"][5:] for day in days], "datasets": bars})
