"""The one way an event is written. Call it inside the transaction of what it tells of."""

from __future__ import annotations

from apps.audit.models import Event


def record_event(
    *,
    action: str,
    actor_id: object = "",
    subject_id: object = "",
    result: str = "",
    address: str | None = None,
    reference: object = "",
    details: dict[str, object] | None = None,
) -> Event:
    """Write an audit event. ``details`` carry ids, codes and scores, never biometrics or names."""
    return Event.objects.create(
        action=action,
        actor_id=str(actor_id or ""),
        subject_id=str(subject_id or ""),
        result=result,
        address=address,
        reference=str(reference or ""),
        details=details or {},
    )
