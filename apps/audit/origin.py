"""From where: the address of whoever is being served, for every event that is written meanwhile.

Held in a context variable, so that no service has to hand it on. The web's middleware sets it for the length of one
request; a worker or a command never does, and their events have none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_address: ContextVar[str | None] = ContextVar("audit_address", default=None)


@contextmanager
def served_from(address: str | None) -> Iterator[None]:
    """Events that are written meanwhile come from this address; None where nobody knows it."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def current_address() -> str | None:
    return _address.get()


def plain(address: str) -> str:
    """The one way in which every database gives the address back, so that the hash over it holds: an IPv4 address that
    came by IPv6 (``::ffff:192.0.2.1``) as itself, without the name of an interface (``fe80::1%eth0``).

    Raises:
        ValueError: it is no address.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
