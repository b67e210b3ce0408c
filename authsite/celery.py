"""The Celery application. Tasks live in ``worker.tasks``; web and clock know them by name only, and the worker is
started with ``--include worker.tasks``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")

app = Celery("cosmic")
app.config_from_object("django.conf:settings", namespace="CELERY")
