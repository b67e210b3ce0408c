"""Long answers, piece by piece: neither the memory nor the first byte waits for the last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from asgiref.sync import sync_to_async

Piece = TypeVar("Piece", bytes, str)


def streamed(request: Any, pieces: Iterator[Piece]) -> Iterator[Piece] | AsyncIterator[Piece]:
    """What a ``StreamingHttpResponse`` is made of, as the server that took ``request`` (Django's or the REST
    framework's) wants it. ASGI would pull all pieces of a plain iterator before it sends the first; WSGI, and with it
    Django's test client, cannot wait for an asynchronous one."""
    return _on_another_thread(pieces) if hasattr(request, "scope") else pieces


async def _on_another_thread(pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """So that a slow piece does not hold up the server either."""
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
