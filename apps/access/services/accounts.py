"""Operators' accounts: made with a role, changed by those who hold as much."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction

from apps.access.roles import Role
from apps.access.selectors import groups_of, may_give, may_manage, roles_of
from apps.access.services.tokens import revoke_given_out
from apps.access.signals import grown
from apps.audit.services.record import COMMAND_LINE, record_event
from apps.errors import CosmicError, ErrorCode


@transaction.atomic
def create_account(*, account: User, roles: Collection[Role], superuser: bool = False, actor: User | None) -> User:
    """Save a new account, whose password is set already, with its roles. ``actor`` is None for the command line.

    Raises:
        CosmicError: ``not_allowed`` (403) for a role or a flag that the actor does not hold.
    """
    account.is_staff = account.is_superuser = False
    account.save(force_insert=True)
    record_event(action="account.created", actor_id=_id_of(actor), subject_id=account.pk)
    change_access(account=account, roles=roles, active=account.is_active, superuser=superuser, actor=actor)
    return account


@transaction.atomic
def change_access(*, account: User, roles: Collection[Role], active: bool, superuser: bool, actor: User | None) -> None:
    """Let an account have these roles and no others, be open or closed, be a superuser or not. Whoever has a role may
    enter the admin. Nothing is written when nothing changes.

    Raises:
        CosmicError: ``not_allowed`` (403) for one's own account, for one that holds more than the actor, and for a role
            or a flag that the actor does not hold.
    """
    before = User.objects.select_for_update().get(pk=account.pk)
    held, wanted = set(roles_of(before)), set(roles)
    if (held, before.is_active, before.is_superuser) == (wanted, active, superuser):
        return
    if actor is not None:
        _check(actor, before, changed=held ^ wanted, superuser=superuser)
    was_superuser = before.is_superuser
    kept = before.groups.exclude(name__in=[role.label for role in Role])
    before.groups.set([*kept, *groups_of(wanted)])
    before.is_active, before.is_superuser = active, superuser
    before.is_staff = superuser or bool(wanted) or before.user_permissions.exists()
    before.save(update_fields=["is_active", "is_superuser", "is_staff"])
    account.is_active, account.is_superuser, account.is_staff = active, superuser, before.is_staff
    if wanted - held or (superuser and not was_superuser):
        revoke_given_out(account=before, actor_id=_id_of(actor))
        grown.send(User, account=before)
    record_event(
        action="account.access",
        actor_id=_id_of(actor),
        subject_id=account.pk,
        result="open" if active else "closed",
        details={"roles": sorted(role.value for role in wanted), "superuser": superuser, "staff": before.is_staff},
    )


def _check(actor: User, account: User, *, changed: set[Role], superuser: bool) -> None:
    """Nobody changes their own access: that is neither a way up nor a way to lock oneself out."""
    allowed = (
        actor.pk != account.pk
        and may_manage(actor, account)
        and all(may_give(actor, role) for role in changed)
        and (superuser == account.is_superuser or actor.is_superuser)
    )
    if not allowed:
        raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)


def _id_of(actor: User | None) -> object:
    return COMMAND_LINE if actor is None else actor.pk
