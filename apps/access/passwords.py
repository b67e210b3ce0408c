"""Every change of a password is an audit event, on whichever page or command it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.contrib.auth.models import User

from apps.audit.services.record import record_event

_actor: ContextVar[object] = ContextVar("password_set_by", default="")


@contextmanager
def set_by(actor_id: object) -> Iterator[None]:
    """Passwords that are set meanwhile are set by this account and not by their own."""
    token = _actor.set(actor_id)
    try:
        yield
    finally:
        _actor.reset(token)


class Audited:
    """A validator of ``AUTH_PASSWORD_VALIDATORS``: Django tells those when a new password was saved. It refuses none."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Nothing to refuse."""

    def password_changed(self, password: str, user: User) -> None:
        """The actor is empty where nobody said who sets it: the account itself, or a command."""
        record_event(action="account.password", actor_id=_actor.get(), subject_id=user.pk, result="set")

    def get_help_text(self) -> str:
        return "That a password was changed is noted in the audit trail."
