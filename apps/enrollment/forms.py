"""The admin's form for an invitation."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.errors import CosmicError


class InvitationForm(forms.Form):
    """What a name stands for the service says, which makes the link."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Of somebody new, or of a person who is to give new samples. It is what they log in by.",
    )

    def take(self, error: CosmicError) -> None:
        """Show a refusal at the name, which it is about."""
        for sentence in error.fields.get("username") or [error.sentence]:
            self.add_error("username", sentence)
