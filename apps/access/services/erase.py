"""API tokens that have run out: they open nothing any more, and say who had access to what."""

from __future__ import annotations

from django.utils import timezone
from knox.models import AuthToken

BATCH = 200


def erase_expired_tokens(most: int) -> int:
    """Delete at most ``most`` tokens whose end is past, with their labels and scopes.

    Returns:
        How many they were.
    """
    due = AuthToken.objects.filter(expiry__lt=timezone.now()).order_by("expiry").values_list("pk", flat=True)[:most]
    _, by_model = AuthToken.objects.filter(pk__in=list(due)).delete()
    return by_model.get(AuthToken._meta.label, 0)
