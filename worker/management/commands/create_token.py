"""``manage.py create_token operator --scopes verify stats --days 90``: an API token, shown once."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from apps.access.selectors import usable_scopes
from apps.access.services.tokens import LONGEST_DAYS, make_token
from apps.permissions import Scope

DAYS = 365


class Command(BaseCommand):
    help = "Make an API token for an account. Only its digest is stored."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--scopes",
            nargs="+",
            choices=[scope.value for scope in Scope],
            help="default: all that the account can use",
        )
        parser.add_argument("--days", type=int, default=DAYS, help=f"until it runs out (default {DAYS})")
        parser.add_argument("--label", default="command line", help="what it is for")

    def handle(self, *, username: str, scopes: list[str] | None, days: int, label: str, **_: object) -> None:
        account = User.objects.filter(username=username, is_active=True).first()
        if account is None:
            raise CommandError(f"there is no active account named {username}")
        if not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days is 1 to {LONGEST_DAYS}")
        named = [Scope(scope) for scope in scopes] if scopes else usable_scopes(account)
        made = make_token(account=account, label=label[:64], scopes=named, life=timedelta(days=days), actor=None)
        self.stdout.write(made.plain)
