"""``manage.py identify --face b.jpg``: who is this, among everybody enrolled?"""

from __future__ import annotations

from django.core.management.base import BaseCommand

from worker import command_line
from worker.cascade.types import Claim


class Command(BaseCommand):
    help = "Find out who is in the pictures. Ends with 0 granted, 1 denied, 2 more needed."

    def add_arguments(self, parser) -> None:
        command_line.add_arguments(parser)

    def handle(self, *args, **options) -> None:
        command_line.run(self, options, Claim(person_id=None, one_to_many=True))
