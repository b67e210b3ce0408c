"""The address of a client. A forwarded-for header counts only when a configured proxy sent it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The nearest address that is no trusted proxy; 0.0.0.0 where the server does not know (a Unix socket)."""
    address = request.META.get("REMOTE_ADDR", "") or "0.0.0.0"  # noqa: S104  (no binding: a placeholder)
    if not _trusted(address):
        return _valid(address)
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        hop = hop.strip()
        if hop and not _trusted(hop):
            return _valid(hop)
    return _valid(address)


def limited_unit(address: str) -> str:
    """What a limit counts: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)


def _trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
        return any(parsed in ipaddress.ip_network(proxy, strict=False) for proxy in settings.ENV.trusted_proxies)
    except ValueError:
        return False


def _valid(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return "0.0.0.0"  # noqa: S104
