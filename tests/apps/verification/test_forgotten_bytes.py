"""After a person was erased, no byte of theirs is left in the files of a deployment: not in free pages either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.deployment import PROJECT

SCRIPT = """
import django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.db import connection

call_command("migrate", verbosity=0)

from apps.identities.services.people import erase_person
from tests.factories import ModelVersionFactory, direction, enrolled

def on_disk():
    connection.close()  # the last one to close writes the log back into the database
    return {path.name: path.read_bytes() for path in settings.STATE_DIR.rglob("*") if path.is_file()}

def holds(what):
    return sorted(name for name, content in on_disk().items() if what in content)

version = ModelVersionFactory()
people = [enrolled(version, [direction(n)], user__username=f"person-who-goes-{n}") for n in range(3)]
going = people[1]
traces = [b"person-who-goes-1", bytes(going.templates.get().sealed_vector)]
assert all(holds(trace) for trace in traces)
sealed = going.samples.get().blob.rpartition("/")[2]
assert any(name == sealed for name in on_disk())

erase_person(person=going, actor_id="test")

assert not any(name == sealed for name in on_disk())
print([holds(trace) for trace in traces], holds(b"person-who-goes-2"))
"""


def test_nothing_of_a_person_is_left_in_the_database_file_or_beside_it(tmp_path: Path):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "authsite.settings",
        "COSMIC_STATE_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'cosmic.sqlite3'}",
    }

    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
    ).stdout

    assert said.strip() == "[[], []] ['cosmic.sqlite3']"
