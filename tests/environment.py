"""Loaded by pytest before Django reads its settings: a state folder of its own, and nothing of the machine's setup."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

STATE_DIR = Path(tempfile.mkdtemp(prefix="cosmic-test-"))
(STATE_DIR / "static").mkdir()  # WhiteNoise looks for it
SHARED = Path(os.environ.get("COSMIC_SHARED", Path(__file__).resolve().parents[2] / "shared"))

for name in [name for name in os.environ if name.startswith(("COSMIC_", "GROQ_"))]:
    del os.environ[name]
os.environ["COSMIC_STATE_DIR"] = str(STATE_DIR)
os.environ["COSMIC_LOG_LEVEL"] = "WARNING"
os.environ["COSMIC_CHALLENGE_COUNT"] = "0"  # tests that are about challenges ask for them
for name in ("DATABASE_URL", "REDIS_URL"):
    os.environ.pop(name, None)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

atexit.register(shutil.rmtree, STATE_DIR, ignore_errors=True)
