"""Accounts, roles and API tokens in the admin. Services check again whatever a form offers."""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from knox.models import AuthToken
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm

from apps.access.factors import FACTORS
from apps.access.forms import AccountCreationForm, AccountForm, TokenForm
from apps.access.models import ApiToken
from apps.access.passwords import set_by
from apps.access.roles import Role
from apps.access.selectors import may_manage, roles_of
from apps.access.services.accounts import change_access, create_account
from apps.access.services.tokens import make_token, revoke_all, revoke_token
from apps.audit.services.record import record_event
from apps.permissions import Scope, actor_of
from apps.read_only import NeverChanged, ReadOnly

# Theirs know neither roles nor scopes, and a second factor that is deleted there leaves no event.
for model in (User, Group, AuthToken, Authenticator):
    admin.site.unregister(model)


def with_factor() -> QuerySet[Authenticator]:
    """Second factors of an outer query's account."""
    return Authenticator.objects.filter(user=OuterRef("pk"), type__in=FACTORS)


class FactorFilter(admin.SimpleListFilter):
    title = "second factor"
    parameter_name = "factor"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin):
        return [("set", "set up"), ("none", "operators without one")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() == "set":
            return queryset.filter(Exists(with_factor()))
        return (
            queryset.filter(~Exists(with_factor()), is_staff=True, is_active=True)
            if self.value() == "none"
            else queryset
        )


@admin.register(User)
class AccountAdmin(UserAdmin, ModelAdmin):
    """Accounts are closed and not deleted here: with a person everything biometric has to go, which Erase does."""

    form = AccountForm
    add_form = AccountCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "roles", "second_factor", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", FactorFilter, "groups")
    search_fields = ("username",)
    readonly_fields = ("username", "last_login", "date_joined")
    filter_horizontal = ()

    @admin.display(description="roles")
    def roles(self, account: User) -> str:
        return ", ".join(role.label for role in roles_of(account))

    @admin.display(boolean=True, ordering="has_factor")
    def second_factor(self, account: User) -> bool:
        return account.has_factor  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups").annotate(has_factor=Exists(with_factor()))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None):
        flags = ("is_superuser",) if request.user.is_superuser else ()
        if obj is None:
            fields = ("username", "usable_password", "password1", "password2", "roles", *flags)
        elif self.has_change_permission(request, obj):
            fields = ("username", "password", "is_active", "roles", *flags, "last_login", "date_joined")
        else:
            fields = ("username", "is_active", "roles", "is_superuser", "last_login", "date_joined")
        return ((None, {"classes": ("wide",), "fields": fields}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None):
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **options):
        form = super().get_form(request, obj, change=change, **options)
        form.actor = actor_of(request)  # type: ignore[attr-defined]
        return form

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or may_manage(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form, change: bool) -> None:
        given = form.cleaned_data
        roles = [Role(role) for role in given["roles"]]
        superuser = given.get("is_superuser", obj.is_superuser)
        if not change:
            with set_by(request.user.pk):
                create_account(account=obj, roles=roles, superuser=superuser, actor=actor_of(request))
            return
        change_access(account=obj, roles=roles, active=given["is_active"], superuser=superuser, actor=actor_of(request))

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Setting a password is told of by ``apps.access.passwords``; taking it away is told of here. Whose password
        somebody else sets or takes away may have lost it to a third: tokens that were made with it end."""
        before = self.get_object(request, id)
        with set_by(request.user.pk):
            answer = super().user_change_password(request, id, form_url)
        after = self.get_object(request, id)
        if before is None or after is None or before.password == after.password:
            return answer
        if not after.has_usable_password():
            record_event(action="account.password", actor_id=request.user.pk, subject_id=after.pk, result="removed")
        if after.pk != request.user.pk:
            revoke_all(account=after, actor_id=request.user.pk)
            self.message_user(request, "Tokens of this account are revoked.", messages.INFO)
        return answer


@admin.register(Group)
class RoleAdmin(ReadOnly):
    """Roles are made from ``apps.access.roles`` at each migration, and only looked at here."""

    list_display = ("name", "members")
    fields = ("name", "members", "rights")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).annotate(held_by=Count("user"))

    @admin.display(ordering="held_by")
    def members(self, group: Group) -> int:
        return group.held_by  # type: ignore[attr-defined]

    @admin.display(description="may")
    def rights(self, group: Group) -> str:
        names = group.permissions.select_related("content_type").order_by("content_type__app_label", "codename")
        return "\n".join(f"{one.content_type.app_label}: {one.name}" for one in names)


@admin.register(ApiToken)
class ApiTokenAdmin(NeverChanged):
    """Tokens are made and revoked, never changed. The token itself is on the answer to the form alone, and nowhere."""

    form = TokenForm
    list_display = ("account", "label", "scopes_named", "created_by", "created_at", "expires", "last_used_at")
    list_select_related = ("token__user", "created_by")
    list_display_links = ("label",)
    list_filter = ("created_at", "last_used_at")
    search_fields = ("label", "token__user__username")
    actions = ("revoke",)

    @admin.display(ordering="token__user__username")
    def account(self, row: ApiToken) -> str:
        return row.token.user.get_username()

    @admin.display(description="scopes")
    def scopes_named(self, row: ApiToken) -> str:
        return ", ".join(row.scopes)

    @admin.display(ordering="token__expiry")
    def expires(self, row: ApiToken):
        return row.token.expiry

    @admin.action(description="Revoke", permissions=["delete"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        self.delete_queryset(request, rows)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None):
        return self.list_display if obj else ("account", "label", "scopes", "days")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None):
        return self.list_display if obj else ()

    def get_form(self, request: HttpRequest, obj: ApiToken | None = None, change: bool = False, **options):
        form = super().get_form(request, obj, change=change, **options)
        form.actor = actor_of(request)  # type: ignore[attr-defined]
        return form

    def save_model(self, request: HttpRequest, obj: ApiToken, form: TokenForm, change: bool) -> None:
        given = form.cleaned_data
        made = make_token(
            account=given["account"],
            label=given["label"],
            scopes=[Scope(scope) for scope in given["scopes"]],
            life=timedelta(days=given["days"]),
            actor=actor_of(request),
        )
        obj.pk, obj.token, obj.plain = made.row.pk, made.row.token, made.plain  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Not a redirect: a message would lay the token down in a cookie or a session."""
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "The new token", "made": obj}
        return TemplateResponse(request, "access/token_made.html", context)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        revoke_token(row=obj, actor_id=request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for row in queryset.select_related("token"):
            revoke_token(row=row, actor_id=request.user.pk)
        self.message_user(request, "Revoked: the next use is refused.")
