"""What the identities tell the apps above them, which they may not know."""

from __future__ import annotations

from django.dispatch import Signal

# Sent inside the transaction in which a person's biometrics are deleted, with ``person``: whoever else keeps some of
# them erases those too.
forgetting = Signal()
