"""The Django project: settings, routes and the processes' entry points."""

from authsite.celery import app as celery_app

__all__ = ["celery_app"]
