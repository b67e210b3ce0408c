"""Every second factor that is set up, made anew or taken away, in the audit trail.

django-allauth tells it after the change is committed, so that the event is a transaction of its own. Ids and kinds
only: a passkey's name is the person's own words.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.http import HttpRequest

from apps.audit.services.record import record_event


def connect() -> None:
    authenticator_added.connect(added, dispatch_uid="identities.factor_added")
    authenticator_removed.connect(removed, dispatch_uid="identities.factor_removed")
    authenticator_reset.connect(made_anew, dispatch_uid="identities.factor_reset")


def added(sender: object, request: HttpRequest, user, authenticator: Authenticator, **_: object) -> None:
    _record("factor.added", request, user, authenticator)


def removed(sender: object, request: HttpRequest, user, authenticator: Authenticator, **_: object) -> None:
    _record("factor.removed", request, user, authenticator)


def made_anew(sender: object, request: HttpRequest, user, authenticator: Authenticator, **_: object) -> None:
    _record("factor.reset", request, user, authenticator)


def _record(action: str, request: HttpRequest, user, authenticator: Authenticator) -> None:
    """The actor is whoever is logged in; whose factor it is, is the subject."""
    record_event(action=action, actor_id=request.user.pk, subject_id=user.pk, details={"type": str(authenticator.type)})
