"""``manage.py audit_checkpoint``: sign where the audit trail ends, and write checkpoints to be kept elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict

from django.core.management.base import BaseCommand

from apps.audit.services.checkpoints import make_checkpoint
from apps.audit.services.verify import stored_statements


class Command(BaseCommand):
    help = "Sign where the audit trail ends. Standard output is every checkpoint, one JSON object a line: keep it elsewhere."

    def handle(self, **_: object) -> None:
        make_checkpoint()
        for statement in stored_statements():
            self.stdout.write(json.dumps(asdict(statement)))
