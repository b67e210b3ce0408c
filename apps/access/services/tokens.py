"""Making API tokens and taking them back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from knox.models import AuthToken

from apps.access.models import ApiToken
from apps.access.selectors import may_manage
from apps.audit.services.record import COMMAND_LINE, record_event
from apps.errors import CosmicError, ErrorCode
from apps.permissions import Scope

LONGEST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token's row, and the token itself, which is stored nowhere."""

    row: ApiToken
    plain: str = field(repr=False)


@transaction.atomic
def make_token(
    *, account: User, label: str, scopes: Collection[Scope], life: timedelta, actor: User | None
) -> MadeToken:
    """A token of an account that runs out after ``life``. ``actor`` is None for the command line.

    Raises:
        CosmicError: ``not_allowed`` (403) when the actor may not act for that account, and for a token to read somebody
            else's messages, which only they make; ``invalid_request`` without
            scopes, or for a life of none or more than ten years.
    """
    if actor is not None and not may_manage(actor, account):
        raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)
    if actor is not None and actor.pk != account.pk and Scope.MESSAGES in scopes:
        raise CosmicError(ErrorCode.NOT_ALLOWED, status=403)
    if not scopes:
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"scopes": ["A token needs at least one scope."]})
    if not timedelta(0) < life <= timedelta(days=LONGEST_DAYS):
        raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"days": [f"1 to {LONGEST_DAYS} days."]})
    auth_token, plain = AuthToken.objects.create(user=account, expiry=life)
    named = sorted({Scope(scope).value for scope in scopes})
    row = ApiToken.objects.create(token=auth_token, label=label, scopes=named, created_by=actor)
    record_event(
        action="token.created",
        actor_id=actor.pk if actor else COMMAND_LINE,
        subject_id=account.pk,
        reference=row.pk,
        details={"scopes": named, "expires": auth_token.expiry.isoformat(timespec="seconds")},
    )
    return MadeToken(row, plain)


@transaction.atomic
def revoke_token(*, row: ApiToken, actor_id: object) -> None:
    """Delete a token: its next use is refused. A second call does nothing."""
    account_id = AuthToken.objects.filter(pk=row.token_id).values_list("user_id", flat=True).first()
    deleted, _ = AuthToken.objects.filter(pk=row.token_id).delete()
    if deleted:
        record_event(action="token.revoked", actor_id=actor_id, subject_id=account_id, reference=row.pk)


def revoke_given_out(*, account: User, actor_id: object) -> None:
    """Take back every token of an account that somebody else made for it."""
    for row in ApiToken.objects.filter(token__user=account).exclude(created_by=account):
        revoke_token(row=row, actor_id=actor_id)


def revoke_all(*, account: User, actor_id: object) -> None:
    for row in ApiToken.objects.filter(token__user=account):
        revoke_token(row=row, actor_id=actor_id)
    AuthToken.objects.filter(user=account).delete()
