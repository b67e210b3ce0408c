"""``manage.py invite alice``: a one-time link with which alice enrols."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError

from apps.enrollment.services.invitations import invite_by_name
from apps.errors import CosmicError


class Command(BaseCommand):
    help = "Print a one-time enrolment link for a person, who is created when new."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **_: object) -> None:
        try:
            invitation, url = invite_by_name(username=username, actor=None)
        except CosmicError as error:
            raise CommandError(" ".join([error.sentence, *error.fields.get("username", [])])) from error
        self.stdout.write(url)
        self.stdout.write(f"Good once, until {invitation.expires_at:%Y-%m-%d %H:%M} UTC.")
