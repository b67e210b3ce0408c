"""``python -m tests.apps.identities.busy_process PEOPLE``: a process of a deployment that reads and writes what is sealed.

Says ``ready`` once it has people; goes on until its standard input ends; then opens everything once more and prints what
it saw as JSON.
"""

from __future__ import annotations

import json
import os
import random
import select
import sys

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
django.setup()

from django.db import OperationalError, connection  # noqa: E402

from apps.identities import blobs  # noqa: E402
from apps.identities.models import Template  # noqa: E402
from apps.identities.sealed_vectors import open_vector  # noqa: E402
from apps.identities.vault import Unsealable, keyed_digest, seal, unseal  # noqa: E402
from tests.factories import ModelVersionFactory, direction, enrolled  # noqa: E402


def main(people: int) -> None:
    version = ModelVersionFactory()
    for seed in range(people):
        enrolled(version, [direction(seed)])
    digest = keyed_digest(b"x", purpose="samples")
    seen = {"read": 0, "written": 0, "closed": 0, "locked_out": 0}
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        pk = random.choice(list(Template.objects.values_list("pk", flat=True)))
        seen["read" if opens(Template.objects.select_related("sample").get(pk=pk)) else "closed"] += 1
        try:
            enrolled(version, [direction(people + seen["written"])])
            seen["written"] += 1
        except OperationalError:
            seen["locked_out"] += 1
    unseal(seal(b"now", purpose="templates", bound_to="x"), purpose="templates", bound_to="x")
    templates = list(Template.objects.select_related("sample").order_by("pk"))
    vectors = np.stack([np.frombuffer(open_vector(template), "<f4") for template in templates])
    expected = np.stack([direction(seed) for seed in range(len(templates))])
    kept = all(map(opens, templates)) and np.array_equal(vectors, expected)
    same_digest = keyed_digest(b"x", purpose="samples") == digest
    print(json.dumps(seen | {"all": len(templates), "kept": bool(kept), "same_digest": same_digest}), flush=True)
    connection.close()


def opens(template: Template) -> bool:
    try:
        return bool(open_vector(template)) and bool(blobs.load(template.sample.blob))
    except Unsealable:
        return False


if __name__ == "__main__":
    main(int(sys.argv[1]))
