"""``manage.py verify --as alice --face a.jpg --voice a.wav``: a 1:1 verification without a browser."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from apps.identities.models import Person
from worker import command_line
from worker.cascade.types import Claim


class Command(BaseCommand):
    help = "Verify that pictures and a recording are of the person named. Ends with 0 granted, 1 denied, 2 more needed."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--as", dest="username", required=True, help="the claimed user name")
        command_line.add_arguments(parser)

    def handle(self, *args, **options) -> None:
        person = Person.objects.filter(user__username=options["username"]).first()
        if person is None:
            raise CommandError("nobody is enrolled under that name")
        command_line.run(self, options, Claim(person_id=person.pk))
