"""The admin's forms for accounts and tokens."""

from __future__ import annotations

from django import forms
from django.contrib.auth.models import User
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from apps.access.models import ApiToken
from apps.access.roles import Role
from apps.access.selectors import may_give, may_manage, roles_of
from apps.access.services.tokens import LONGEST_DAYS
from apps.permissions import Scope

DAYS = 90


def roles_field() -> forms.MultipleChoiceField:
    told = "Whoever has a role may enter the admin. You can give those that allow nothing that you may not do."
    widget = UnfoldAdminCheckboxSelectMultipleWidget
    return forms.MultipleChoiceField(choices=Role.choices, required=False, widget=widget, help_text=told)


class ByActor:
    """``actor`` is set on the form's class for each request; it offers the roles that they may give."""

    actor: User
    fields: dict[str, forms.Field]

    def offer_roles(self) -> None:
        if "roles" in self.fields:
            offered = [(role.value, role.label) for role in Role if may_give(self.actor, role)]
            self.fields["roles"].choices = offered  # type: ignore[attr-defined]


class AccountCreationForm(ByActor, UserCreationForm):
    roles = roles_field()

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.offer_roles()


class AccountForm(ByActor, UserChangeForm):
    roles = roles_field()

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.offer_roles()
        if self.instance.pk:
            self.initial["roles"] = [role.value for role in roles_of(self.instance)]


class TokenForm(forms.ModelForm):
    """A new token. An account is typed, for there may be a hundred thousand."""

    actor: User

    account = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget, help_text="the name it acts for")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="A scope is a limit and no right: the account needs the permission as well.",
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="until it runs out",
    )

    class Meta:
        model = ApiToken
        fields = ("label",)

    def clean_account(self) -> User:
        account = User.objects.filter(username=self.cleaned_data["account"], is_active=True).first()
        if account is None:
            raise forms.ValidationError("There is no active account of that name.")
        if not may_manage(self.actor, account):
            raise forms.ValidationError("This account may do more than you.")
        return account

    def clean(self) -> dict[str, object]:
        values = super().clean() or {}
        account = values.get("account")
        if account is not None and account != self.actor and Scope.MESSAGES in values.get("scopes", []):
            self.add_error("scopes", "Only the account itself makes a token that reads its messages.")
        return values
