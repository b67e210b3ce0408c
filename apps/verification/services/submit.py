"""A capture comes in: nonce used up, content sealed, row written, the worker told."""

from __future__ import annotations

import hashlib

from django.db import IntegrityError, transaction

from apps import dispatch
from apps.audit.services.record import record_event
from apps.captures.bundle import Bundle, pack
from apps.captures.services.tickets import redeem_ticket
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.models import Person
from apps.identities.vault import keyed_digest
from apps.policies.selectors import current_policy
from apps.policies.values import OFF
from apps.verification.models import Capture


def submit_capture(
    *,
    bundle: Bundle,
    nonce: str,
    purpose: str,
    bound_to: str,
    claimed_name: str | None,
    account_key: str,
    address: str,
    actor_id: object = "",
) -> Capture:
    """Take a capture in. ``claimed_name`` None asks who it is (1:N).

    A name that nobody has is taken in like any other, and refused by the cascade for want of a reference.

    Raises:
        CosmicError: the nonce's codes; ``invalid_request`` for a challenged capture without times; ``replayed`` (409) for
            pictures that were sent before, byte for byte; ``policy_unreadable`` (503); ``broker_unavailable`` (503) after
            the capture was stored, which is then taken up as soon as the broker is back.
    """
    claimed = None
    if claimed_name is not None:
        claimed = Person.objects.filter(user__username=claimed_name.strip(), status=Person.Status.ACTIVE).first()
    fingerprint = fingerprint_of(bundle) if current_policy().gates["replay"] != OFF else None
    blob = blobs.store(pack(bundle), purpose="captures")
    try:
        with transaction.atomic():
            ticket = redeem_ticket(nonce=nonce, purpose=purpose, bound_to=bound_to)
            if ticket.challenge and not bundle.frame_times:
                raise CosmicError(ErrorCode.INVALID_REQUEST, fields={"frame_times": ["A challenge needs them."]})
            capture = Capture.objects.create(
                ticket=ticket,
                purpose=purpose,
                claimed=claimed,
                one_to_many=claimed_name is None,
                bound_to=bound_to,
                account_key=account_key,
                address=address,
                blob=blob,
                fingerprint=fingerprint,
            )
            record_event(
                action="capture.submitted",
                actor_id=actor_id,
                subject_id=claimed.public_id if claimed else "",
                address=address,
                reference=capture.public_id,
                details={"purpose": purpose, "one_to_many": capture.one_to_many, "frames": len(bundle.frames)},
            )
    except IntegrityError as error:
        blobs.erase(blob)
        raise CosmicError(ErrorCode.REPLAYED, status=409) from error
    except Exception:
        blobs.erase(blob)
        raise
    dispatch.send_on_commit(dispatch.RUN_CASCADE, str(capture.public_id))
    return capture


def fingerprint_of(bundle: Bundle) -> str | None:
    """Of all pictures together; None where there are none. A camera never gives the same ones twice."""
    if not bundle.frames:
        return None
    together = hashlib.sha256()
    for frame in bundle.frames:
        together.update(hashlib.sha256(frame).digest())
    return keyed_digest(together.digest(), purpose="captures")
