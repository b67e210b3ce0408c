"""``manage.py invite alice``: a one-time link with which alice enrols."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from apps.enrollment.services.invitations import invite
from apps.errors import CosmicError
from apps.identities.models import Person
from apps.identities.services.people import create_person


class Command(BaseCommand):
    help = "Print a one-time enrolment link for a person, who is created when new."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **_: object) -> None:
        person = Person.objects.filter(user__username=username).first()
        try:
            if person is None:
                person = create_person(username=username, actor_id="command_line")
        except CosmicError as error:
            raise CommandError(error.sentence) from error
        invitation, url = invite(person=person, actor_id="command_line")
        self.stdout.write(url)
        self.stdout.write(f"Good once, until {invitation.expires_at:%Y-%m-%d %H:%M} UTC.")
