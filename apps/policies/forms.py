"""The form of a policy change, and the second one that a weaker policy asks for. What may hold the service decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from apps.errors import CosmicError
from apps.policies.models import SHORTEST_REASON
from apps.policies.operating_points import Choice
from apps.policies.values import IF_THERE, SHARPENING, PolicyValues, as_json
from apps.policies.words import LABELS
from authsite.env import CHALLENGES, GATES, MODALITIES, RULES

WORD = "WEAKEN"
REAL = ("prior", "cost_false_match", "cost_false_non_match", "confidence_low", "confidence_high")
TRUTHS = ("challenge_choice", "second_factor_after_challenge", "operators_need_second_factor")
SEVERAL = {"required_modalities": sorted(MODALITIES), "challenges": sorted(CHALLENGES)}
WHOLE = (
    "challenge_count",
    "challenge_deadline_seconds",
    "replay_memory",
    "capture_retention_days",
    "attempt_retention_days",
    "enrolment_job_retention_days",
)
BY_NUMBER = ""
RULE_NAMES = {IF_THERE: "require where its weights are at hand"}


class PolicyForm(forms.Form):
    """Every field of a policy, a gate each, and the reason.

    Arguments:
        choices: the false match rates that may be picked instead of a prior.
    """

    based_on = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args, choices: Sequence[Choice], **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._choices = {f"{one.fmr:g}": one for one in choices if one.offered}
        picks = [(name, f"about {name} in every setting") for name in self._choices]
        rates = forms.ChoiceField(
            choices=[(BY_NUMBER, "by the prior below"), *picks], required=False, widget=UnfoldAdminRadioSelectWidget()
        )
        self._add("fmr", rates, label="False match rate")
        for name in REAL:
            self._add(name, forms.FloatField(widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})))
        for name, known in SEVERAL.items():
            widget = UnfoldAdminCheckboxSelectMultipleWidget()
            self._add(
                name, forms.MultipleChoiceField(choices=[(one, one) for one in known], widget=widget, required=False)
            )
        for gate in GATES:
            rules = [*RULES, IF_THERE] if gate in SHARPENING else RULES
            picks = [(rule, RULE_NAMES.get(rule, rule)) for rule in rules]
            field = forms.ChoiceField(choices=picks, widget=UnfoldAdminSelectWidget())
            self._add(f"gate_{gate}", field, label=f"gate {gate}")
        for name in WHOLE:
            self._add(name, forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget()))
        for name in TRUTHS:
            self._add(name, forms.BooleanField(widget=UnfoldBooleanWidget(), required=False))
        reason = forms.CharField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))
        self._add("reason", reason, label=f"reason (at least {SHORTEST_REASON} characters; it is kept)")

    def values(self) -> dict[str, Any]:
        """The cleaned fields as ``change_policy`` takes them; a rate that was picked becomes its prior."""
        cleaned = self.cleaned_data
        values = {name: cleaned[name] for name in (*REAL, *SEVERAL, *WHOLE, *TRUTHS)}
        values["gates"] = {gate: cleaned[f"gate_{gate}"] for gate in GATES}
        picked = self._choices.get(cleaned["fmr"])
        costs = {name: values[name] for name in ("cost_false_match", "cost_false_non_match")}
        if picked is not None and min(costs.values()) > 0:
            values["prior"] = picked.prior(**costs)
        return values

    def take(self, error: CosmicError) -> None:
        """Show a refusal where it belongs."""
        self.add_error(None, error.sentence)
        for name, sentences in error.fields.items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)

    def _add(self, name: str, field: forms.Field, label: str = "") -> None:
        field.label = label or LABELS[name]
        self.fields[name] = field


class WeakenForm(forms.Form):
    """Asked a second time: a tick, and a word that nobody types by accident."""

    understood = forms.BooleanField(label="I have read what gets weaker.", widget=UnfoldBooleanWidget())
    word = forms.CharField(label=f"Type {WORD} to go on", widget=UnfoldAdminTextInputWidget())

    def clean_word(self) -> str:
        if self.cleaned_data["word"] != WORD:
            raise forms.ValidationError(f"Please type {WORD}.")
        return WORD


def initial_of(policy: PolicyValues, *, based_on: int) -> dict[str, Any]:
    """What the form starts with."""
    values = as_json(policy)
    gates = {f"gate_{gate}": rule for gate, rule in values.pop("gates").items()}
    return values | gates | {"based_on": based_on, "fmr": BY_NUMBER}
