"""What the clock starts: each of its entries is a task that a worker knows, and runs."""

from __future__ import annotations

import pytest
from django.conf import settings

from apps.audit.models import Checkpoint
from apps.audit.services.record import record_event
from authsite.celery import app
from worker import tasks


def test_every_entry_names_a_task_that_workers_have():
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert named
    assert named | set(settings.CELERY_TASK_ROUTES) <= set(app.tasks)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(settings.CELERY_BEAT_SCHEDULE))
def test_each_of_them_runs(name: str):
    app.tasks[settings.CELERY_BEAT_SCHEDULE[name]["task"]]()


@pytest.mark.django_db
def test_the_head_of_the_trail_is_signed():
    record_event(action="test.written")

    tasks.sign_audit_trail()

    assert Checkpoint.objects.get().sequence == 1
