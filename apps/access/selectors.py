"""Who may do what to whose account, and for what an account can use a token."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models import Q

from apps.access.roles import Role
from apps.permissions import Scope

# What the account itself needs before a scope opens anything to it; None: every account.
SCOPE_NEEDS: dict[Scope, str | None] = {
    Scope.VERIFY: None,
    Scope.IDENTIFY: "verification.add_capture",
    Scope.ENROL: None,
    Scope.GALLERY: "identities.add_gallerybuild",
    Scope.MESSAGES: None,
    Scope.STATS: "verification.view_capture",
    Scope.AUDIT: "audit.view_event",
}


def may_manage(actor: User | AnonymousUser, account: User) -> bool:
    """Whether ``actor`` may act upon an account: set its password, make its tokens, enrol a face for it, close it.

    Whoever takes over an account has all that it may do. So a plain account is for everybody whose own permission
    brought them here; an operator's is for those who manage accounts and hold all that it holds; a superuser's is for
    superusers.
    """
    if not actor.is_active:
        return False
    if actor.is_superuser or actor.pk == account.pk:
        return True
    if account.is_superuser:
        return False
    held = _names(Permission.objects.filter(Q(user=account) | Q(group__user=account)))
    if not account.is_staff and not held:
        return True
    return actor.has_perm("auth.change_user") and held <= actor.get_all_permissions()


def may_give(actor: User, role: Role) -> bool:
    """Whether ``actor`` may give a role or take it away: only one whose every permission is also theirs."""
    if actor.is_superuser:
        return actor.is_active
    return _names(Permission.objects.filter(group__name=role.label)) <= actor.get_all_permissions()


def roles_of(account: User) -> list[Role]:
    """An account's roles in the order of the table. Uses groups that were prefetched."""
    names = {group.name for group in account.groups.all()}
    return [role for role in Role if role.label in names]


def usable_scopes(account: User) -> list[Scope]:
    """For what a token could be used by an account today."""
    return [scope for scope, permission in SCOPE_NEEDS.items() if _usable(account, permission)]


def groups_of(roles: set[Role]) -> list[Group]:
    return list(Group.objects.filter(name__in=[role.label for role in roles]))


def _usable(account: User, permission: str | None) -> bool:
    return permission is None or (account.is_staff and account.has_perm(permission))


def _names(permissions) -> set[str]:
    return {f"{label}.{code}" for label, code in permissions.values_list("content_type__app_label", "codename")}
