"""Messages live through a rotation of the master key; their texts and files are not touched by it."""

from __future__ import annotations

import base64
import os

import pytest
from django.conf import settings

from apps.identities.services.resealing import left, reseal_all
from apps.messaging.models import Copy, Message

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def key_file():
    """The key file as it was, put back at the end."""
    path = settings.ENV.master_key_file
    before = path.read_text()
    yield path
    path.write_text(before)


def test_headers_and_keys_are_sealed_anew_and_still_open(as_, write, unlock, key_file):
    bob, message = as_("bob"), write()
    text = bytes(Message.objects.get().sealed_text)
    old = key_file.read_text().strip()
    new = base64.b64encode(os.urandom(32)).decode()
    key_file.write_text(f"{new},{old}\n")

    assert left()["messages' keys"] == Copy.objects.count()
    reseal_all(lambda *_: None)
    key_file.write_text(f"{new}\n")  # the old key is gone for good

    assert left() == {}
    assert old.split(",")[0] not in key_file.read_text()
    assert bob.get("/api/v1/messages").json()["messages"][0]["title"] == "About the key"
    assert unlock(bob, message, "bob").json()["content"]["text"] == "the key is under the mat"
    assert bytes(Message.objects.get().sealed_text) == text


def test_a_copy_in_nobodys_mailbox_is_left_and_named(as_, write, key_file):
    write()
    lost = Copy.objects.filter(opened_at=None).get()
    Copy.objects.filter(pk=lost.pk).update(mailbox="0" * 64)
    key_file.write_text(f"{base64.b64encode(os.urandom(32)).decode()},{key_file.read_text().strip()}\n")

    result = reseal_all(lambda *_: None)

    assert result.closed["messages' keys"] == [str(lost.pk)]
