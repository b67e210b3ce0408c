"""Events to a SIEM: batches of JSON lines over HTTP, signed, tried again with growing pauses.

A batch that the receiver refuses too often becomes a dead letter that the admin shows, and the rest goes on: the trail
here stays whole either way. The signature is HMAC-SHA256 over the time, a full stop and the body (RFC 2104), so that an
old batch cannot be sent again as a new one.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import httpx
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from apps.audit.models import DeadLetter, Event, Forwarding
from apps.audit.services.export import json_lines

BATCH = 200
TIMEOUT = httpx.Timeout(5.0)
LEASE = timedelta(seconds=30)  # longer than TIMEOUT allows one batch to take
FIRST_PAUSE, LONGEST_PAUSE = 5, 3600  # seconds, doubled with each failure
MOST_FAILURES = 8


def forward_events() -> int:
    """Send one batch of what was not sent yet; returns how many events the receiver took."""
    now = timezone.now()
    state, _ = Forwarding.objects.get_or_create(pk=1)
    free = Q(next_try_at=None) | Q(next_try_at__lte=now)
    if not settings.ENV.audit_webhook_url or not Forwarding.objects.filter(free, pk=1).update(next_try_at=now + LEASE):
        return 0  # nobody to send to, a pause, or another worker at it
    state.refresh_from_db()
    events = list(Event.objects.filter(sequence__gt=state.sent_to).order_by("sequence")[:BATCH])
    if not events:
        Forwarding.objects.filter(pk=1).update(next_try_at=None)
        return 0
    first, last = events[0].sequence, events[-1].sequence
    error = send(first, last)
    if error and state.failures + 1 < MOST_FAILURES:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**state.failures)
        later = timezone.now() + timedelta(seconds=pause)
        Forwarding.objects.filter(pk=1).update(failures=state.failures + 1, last_error=error, next_try_at=later)
        return 0
    if error:
        DeadLetter.objects.create(first=first, last=last, error=error)
    Forwarding.objects.filter(pk=1).update(sent_to=last, failures=0, last_error=error, next_try_at=None)
    return 0 if error else len(events)


def send_again(letter: DeadLetter) -> bool:
    """Send a dead letter's events once more; whether they were taken."""
    error = send(letter.first, letter.last)
    letter.error, letter.sent_at = error, None if error else timezone.now()
    letter.save(update_fields=["error", "sent_at"])
    return not error


def send(first: int, last: int) -> str:
    """Post the events ``first`` to ``last``; what went wrong, empty for nothing."""
    body = "".join(json_lines(Event.objects.filter(sequence__range=(first, last)))).encode()
    moment = timezone.now().isoformat(timespec="seconds")
    headers = {
        "Content-Type": "application/x-ndjson",
        "X-Cosmic-Timestamp": moment,
        "X-Cosmic-Signature": f"sha256={signature(moment, body)}",
    }
    try:
        answer = httpx.post(settings.ENV.audit_webhook_url, content=body, headers=headers, timeout=TIMEOUT)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return type(error).__name__
    return "" if answer.is_success else f"HTTP {answer.status_code}"


def signature(moment: str, body: bytes) -> str:
    secret = settings.ENV.audit_webhook_secret.encode()
    return hmac.new(secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
