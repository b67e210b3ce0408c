"""``make bench``: the figures of docs/benchmarks.md, measured in one run on this machine. Nothing here passes or fails."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.environment import SHARED


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "authsite.settings"
    if (SHARED / "models").is_dir():
        os.environ["COSMIC_MODELS_DIR"] = str(SHARED / "models")
    import django

    django.setup()
    from tests.bench import admin, audit, cascade, fusion, messages, search, service

    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {cpu_name()}\n")
    parts = {
        "cascade": cascade.report,
        "fusion": fusion.report,
        "search": search.report,
        "service": service.report,
        "messages": messages.report,
        "admin": admin.report,
        "audit": audit.report,
    }
    for name in sys.argv[1:] or parts:
        with tempfile.TemporaryDirectory(prefix="cosmic-bench-") as folder:
            parts[name](Path(folder))


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


if __name__ == "__main__":
    main()
