"""``manage.py create_token operator``: an API token, shown once."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from knox.models import AuthToken

from apps.audit.services.record import record_event


class Command(BaseCommand):
    help = "Make an API token for an account. Only its digest is stored."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")

    def handle(self, *, username: str, **_: object) -> None:
        user = get_user_model().objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"there is no active account named {username}")
        _, token = AuthToken.objects.create(user=user)
        record_event(action="token.made", actor_id="command_line", subject_id=user.pk)
        self.stdout.write(token)
