"""What the identities tell the apps above them, which they may not know."""

from __future__ import annotations

from dataclasses import dataclass

from django.dispatch import Signal

# Sent inside the transaction in which a person's biometrics are deleted, with ``person``: whoever else keeps some of
# them erases those too.
forgetting = Signal()

# Sent after ``forgetting``, inside the transaction in which a person's account is deleted, with ``person``.
erasing = Signal()

# Sent when a person asks what is stored about them, with ``person``; receivers answer with a ``Gathered``.
gathering = Signal()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What an app above knows of a person.

    Arguments:
        title: how a page calls it.
        count: how many there are.
        values: them, as plain JSON values, for the person's own archive.
    """

    title: str
    count: int
    values: list[dict[str, object]]
