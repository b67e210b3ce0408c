"""``manage.py create_operator ann --role viewer``: an account that may enter the admin."""

from __future__ import annotations

import getpass
import os
import secrets
import sys

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apps.access.roles import Role
from apps.access.services.accounts import create_account

VARIABLE = "COSMIC_OPERATOR_PASSWORD"


class Command(BaseCommand):
    help = f"Make an operator. The password is {VARIABLE}, or asked for, or made up and shown once."

    def add_arguments(self, parser) -> None:
        parser.add_argument("username")
        parser.add_argument("--role", required=True, nargs="+", choices=[role.value for role in Role])

    def handle(self, *, username: str, role: list[str], **_: object) -> None:
        account = User(username=username)
        given = os.environ.get(VARIABLE, "") or _asked()
        password = given or secrets.token_urlsafe(15)
        try:
            account.set_password(password)
            account.full_clean()
            validate_password(password, account)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        create_account(account=account, roles=[Role(one) for one in role], actor=None)
        if not given:
            self.stdout.write(f"Password: {password}")
            self.stdout.write("It is shown this once.")


def _asked() -> str:
    """Empty where nobody sits at a terminal, or for an empty line."""
    return getpass.getpass("Password (empty for a made-up one): ") if sys.stdin.isatty() else ""
