"""How often somebody may try.

Addresses: so many requests a minute on the biometric endpoints; who goes on beyond that waits, and each further
violation doubles the wait. Challenges: so many unanswered ones an hour. Accounts: five failed attempts, then a delay that
doubles with each failure. All count in Redis, across all web processes.
"""

from __future__ import annotations

import hashlib
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from apps.captures.addresses import client_address, limited_unit
from apps.captures.binding import account_binding
from apps.errors import CosmicError, ErrorCode
from apps.redis_needed import redis_needed

GROUP = "biometric"
FIRST_WAIT = 5  # seconds, doubled with each violation
LONGEST_WAIT = 900
VIOLATIONS_KEPT = 3600
PREVIEWS_A_SECOND = 12  # of one address; a page sends 2.5
MOST_OPEN_CHALLENGES = 30  # of one address or API account, shown and not really answered
CHALLENGES_KEPT = 3600
FREE_FAILURES = 5
FIRST_DELAY = 30
LONGEST_DELAY = 3600
FAILURES_KEPT = 24 * 3600


def check_address(request: HttpRequest) -> None:
    """Count one request of this address.

    Raises:
        CosmicError: ``rate_limited`` (429) with the seconds to wait; ``broker_unavailable`` (503) without Redis, since
            a limit that cannot count must not let everything through.
    """
    unit = limited_unit(client_address(request))
    with redis_needed():
        blocked_until = cache.get(f"limit:blocked:{unit}")
        if blocked_until is None:
            usage = get_usage(request, group=GROUP, key=lambda *_: unit, rate=settings.ENV.rate_limit, increment=True)
            if usage is None or not usage["should_limit"]:
                return
            blocked_until = _block(unit)
    raise CosmicError(ErrorCode.RATE_LIMITED, status=429, retry_after=_seconds_until(blocked_until))


def preview_allowed(request: HttpRequest) -> bool:
    """Whether one more preview frame of this address is looked at in this second; beyond that frames are dropped.

    Raises:
        CosmicError: ``broker_unavailable`` (503).
    """
    key = f"limit:previews:{limited_unit(client_address(request))}:{int(time.time())}"
    with redis_needed():
        cache.add(key, 0, timeout=2)
        return cache.incr(key) <= PREVIEWS_A_SECOND


def note_challenge(origin: str) -> None:
    """Count a challenge that was shown to ``origin``. Whoever looks at challenges until one suits a recording that they
    have leaves the others without a real answer, and has to wait.

    Raises:
        CosmicError: ``rate_limited`` (429) when too many stand open; ``broker_unavailable`` (503).
    """
    key = _open_challenges(origin)
    with redis_needed():
        cache.add(key, 0, timeout=CHALLENGES_KEPT)
        if cache.incr(key) <= MOST_OPEN_CHALLENGES:
            return
        wait = cache.ttl(key)  # type: ignore[attr-defined]
    raise CosmicError(ErrorCode.RATE_LIMITED, status=429, retry_after=max(1, wait or 1))


def challenge_answered(origin: str) -> None:
    """A real answer: one that let somebody in, or was counted against an account."""
    key = _open_challenges(origin)
    with redis_needed():
        if (cache.get(key) or 0) > 0:
            cache.decr(key)


def check_account(key: str) -> None:
    """Refuse while the account's delay runs.

    Raises:
        CosmicError: ``too_many_failed_attempts`` (429) or ``broker_unavailable`` (503).
    """
    if not key:
        return
    with redis_needed():
        delayed_until = cache.get(f"limit:delayed:{key}")
    if delayed_until is not None:
        raise CosmicError(ErrorCode.TOO_MANY_FAILED_ATTEMPTS, status=429, retry_after=_seconds_until(delayed_until))


def note_failure(key: str) -> None:
    """Count a failed attempt; from the sixth on each one doubles the delay."""
    if not key:
        return
    with redis_needed():
        cache.add(f"limit:failures:{key}", 0, timeout=FAILURES_KEPT)
        failures = cache.incr(f"limit:failures:{key}")
        if failures >= FREE_FAILURES:
            delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures - FREE_FAILURES, 20))
            cache.set(f"limit:delayed:{key}", time.time() + delay, timeout=delay)


def note_success(key: str) -> None:
    if key:
        with redis_needed():
            cache.delete_many([f"limit:failures:{key}", f"limit:delayed:{key}"])


def account_key(name: str) -> str:
    """What failed attempts against a claimed name count under, whether anybody has that name or not."""
    return hashlib.sha256(f"name:{name.strip().casefold()}".encode()).hexdigest()


def address_key(address: str) -> str:
    """What failed attempts without a claimed name count under."""
    return hashlib.sha256(f"address:{limited_unit(address)}".encode()).hexdigest()


def challenge_origin(request: HttpRequest) -> str:
    """What open challenges are counted under: the account of a client with a token, else the address."""
    if getattr(request, "auth", None) is not None:
        return account_binding(request.user.pk)
    return address_key(client_address(request))


def _open_challenges(origin: str) -> str:
    return f"limit:challenges:{origin}"


def _block(unit: str) -> float:
    violations = f"limit:violations:{unit}"
    cache.add(violations, 0, timeout=VIOLATIONS_KEPT)
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(cache.incr(violations) - 1, 20))
    until = time.time() + wait
    cache.set(f"limit:blocked:{unit}", until, timeout=wait)
    return until


def _seconds_until(moment: float) -> int:
    return max(1, int(moment - time.time() + 0.999))
