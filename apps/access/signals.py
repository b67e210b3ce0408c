"""What this app tells the apps above it, which it may not know."""

from __future__ import annotations

from django.dispatch import Signal

# Sent inside the transaction in which an account comes to hold more, with ``account``: whatever was given out for the
# account while it held less has to end, or whoever has that climbs with it.
grown = Signal()
