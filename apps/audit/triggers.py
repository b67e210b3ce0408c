"""What makes the trail append-only in the database itself: triggers against UPDATE, DELETE and TRUNCATE.

They stop a fault in the code and whoever has the application's rights. An owner of the database can drop them: that
the chain then shows (``manage.py audit_verify``).
"""

from __future__ import annotations

TABLES = ("audit_event", "audit_checkpoint")
POSTGRESQL = "postgresql"
SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
POSTGRESQL_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()
"""


def installing(vendor: str) -> list[str]:
    """The SQL that creates the triggers, for Django's name of a database."""
    if vendor == POSTGRESQL:
        return [POSTGRESQL_FUNCTION, *(POSTGRESQL_TRIGGER.format(table=t, verb=v) for t, v in _each(vendor))]
    return [SQLITE_TRIGGER.format(table=table, verb=verb) for table, verb in _each(vendor)]


def removing(vendor: str) -> list[str]:
    on = " ON {table}" if vendor == POSTGRESQL else ""
    return [f"DROP TRIGGER IF EXISTS {{table}}_no_{{verb}}{on}".format(table=t, verb=v) for t, v in _each(vendor)]


def _each(vendor: str) -> list[tuple[str, str]]:
    verbs = ("UPDATE", "DELETE", "TRUNCATE") if vendor == POSTGRESQL else ("UPDATE", "DELETE")
    return [(table, verb) for table in TABLES for verb in verbs]
