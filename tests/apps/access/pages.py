"""What the tests of accounts and tokens do in the admin and over the API."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

PASSWORD = "correct horse battery staple 9"
ADD_ACCOUNT = "admin:auth_user_add"


def logged_in(account: User) -> Client:
    client = Client()
    client.force_login(account)
    return client


def new_account(**values: object) -> dict[str, object]:
    return {"username": "ann", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, **values}


def page_of(account: User, page: str = "change") -> str:
    name = "admin:auth_user_password_change" if page == "password" else f"admin:auth_user_{page}"
    return reverse(name, args=[account.pk])


def known(header: dict[str, str]) -> bool:
    """Whether a token is taken at all; its account may see the statistics."""
    return Client().get("/admin/stats", **header).status_code == 200
