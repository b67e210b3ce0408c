"""``manage.py check_master_key``: does the configured master key open what is stored here?"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from apps.identities.services.key_check import check_master_key


class Command(BaseCommand):
    help = "Check that the master key opens what is stored. Ends with an error and the reason when it does not."

    def handle(self, **_: object) -> None:
        try:
            check_master_key()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
