"""The Celery application. Tasks live in ``worker.tasks``; the web process knows them by name only."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")

app = Celery("cosmic")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["worker"])
