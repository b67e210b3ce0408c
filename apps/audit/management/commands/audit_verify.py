"""``manage.py audit_verify``: is the audit trail whole? Names every event that was changed, removed, inserted or moved."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from apps.audit.services.verify import Statement, stored_statements, verify_chain


class Command(BaseCommand):
    help = "Check the audit trail's hash chain and checkpoints. Ends with an error when anything is wrong."

    def add_arguments(self, parser) -> None:
        parser.add_argument("--checkpoints", type=Path, help="a file of audit_checkpoint that was kept elsewhere")
        parser.add_argument("--key", help="public key (hexadecimal) that alone may have signed checkpoints")

    def handle(self, *, checkpoints: Path | None, key: str | None, **_: object) -> None:
        statements = stored_statements() + (read_statements(checkpoints) if checkpoints else [])
        count, findings = verify_chain(statements, trusted_key=key)
        for finding in findings:
            self.stdout.write(f"event {finding.sequence}: {finding.fault.value}")
        if findings:
            raise CommandError(f"the audit trail is not whole: {len(findings)} findings in {count} events")
        self.stdout.write(f"{count} events and {len(statements)} checkpoints: the audit trail is whole")


def read_statements(path: Path) -> list[Statement]:
    """Raises CommandError when the file holds anything else than checkpoints."""
    try:
        return [Statement(**json.loads(line)) for line in path.read_text().splitlines() if line.strip()]
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{path}: no file of checkpoints ({error})") from error
