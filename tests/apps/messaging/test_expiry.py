"""What ends: messages by their time, copies by deletion, everything of a person with the person."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.audit.models import Event
from apps.identities.services.consent import withdraw_consent
from apps.identities.services.people import erase_person
from apps.messaging.models import Attachment, Copy, Message
from apps.messaging.services.withdraw import delete_expired

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
ADDRESS = "/api/v1/messages"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def on_disk() -> set[Path]:
    folder = Path(settings.STORAGES["sealed"]["OPTIONS"]["location"]) / "messages"
    return set(folder.rglob("*")) if folder.exists() else set()


@pytest.fixture
def write_with_file(as_, write):
    """A sent message that carries a file; gives the message's id."""

    def made(**values: object) -> str:
        ada, message = as_("ada"), write(send=False, **values)
        file = SimpleUploadedFile("map.txt", b"two steps north")
        assert ada.post(f"{ADDRESS}/{message}/attachments", {"file": file}).status_code == 201
        assert ada.post(f"{ADDRESS}/{message}/send").status_code == 200
        return message

    return made


def test_what_has_expired_is_deleted_with_copies_and_files(as_, write, write_with_file):
    before = on_disk()
    expired = write_with_file()
    stays = write(expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    Message.objects.filter(public_id=expired).update(expires_at=timezone.now())

    deleted = delete_expired()

    assert deleted == 1
    assert [str(one.public_id) for one in Message.objects.all()] == [stays]
    assert Copy.objects.count() == 2 and not Attachment.objects.exists()
    assert on_disk() == before
    event = Event.objects.get(action="messages.expired")
    assert event.details == {"messages": 1} and expired not in f"{event.reference}{event.subject_id}"


def test_nothing_is_deleted_before_its_time(write, write_with_file):
    write_with_file(expires_at=(timezone.now() + timedelta(minutes=2)).isoformat())
    write()
    files = on_disk()

    assert delete_expired() == 0
    assert Message.objects.count() == 2 and on_disk() == files
    assert not Event.objects.filter(action="messages.expired").exists()


def test_what_has_expired_is_not_there_even_before_it_is_deleted(as_, write, unlock):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")
    Message.objects.update(expires_at=timezone.now())

    for answer in (
        bob.get(f"{ADDRESS}/{message}"),
        bob.get(f"{ADDRESS}/{message}/content"),
        bob.post(f"{ADDRESS}/{message}/ticket", {}, content_type="application/json"),
        unlock(bob, message, "bob"),
    ):
        assert code(answer) == (404, "not_found")
    assert bob.get(ADDRESS).json() == {"messages": [], "unread": 0}


def test_the_message_goes_with_its_last_copy(as_, write_with_file):
    ada, bob, before, message = as_("ada"), as_("bob"), on_disk(), write_with_file()

    assert ada.delete(f"{ADDRESS}/{message}").status_code == 204
    assert bob.get(f"{ADDRESS}/{message}").status_code == 200
    assert on_disk() != before
    assert bob.delete(f"{ADDRESS}/{message}").status_code == 204

    assert not Message.objects.exists() and on_disk() == before
    assert code(bob.delete(f"{ADDRESS}/{message}")) == (404, "not_found")


def test_a_deleted_person_takes_their_keys_with_them_and_leaves_what_others_have(as_, write, unlock, people):
    bob = as_("bob")
    message = write(recipients=["bob", "carol"])
    write(sender="bob", recipients=["ada"])

    erase_person(person=people["ada"], actor_id="test")

    assert Copy.objects.count() == 3  # bob's and carol's of the one, bob's own of the other
    listed = bob.get(ADDRESS).json()["messages"]
    assert [one["sender"] for one in listed] == ["deleted account"]
    assert unlock(bob, message, "bob").json()["content"]["text"] == "the key is under the mat"
    sent = bob.get(ADDRESS, {"folder": "sent"}).json()["messages"]
    assert [one["name"] for one in sent[0]["recipients"]] == ["deleted account"]
    assert bob.get(f"/messages/{message}/").status_code == 200


def test_what_nobody_else_has_goes_with_the_person(as_, write, write_with_file, people):
    before = on_disk()
    draft = write(send=False)
    file = SimpleUploadedFile("map.txt", b"two steps north")
    as_("ada").post(f"{ADDRESS}/{draft}/attachments", {"file": file})
    sent = write_with_file()
    as_("bob").delete(f"{ADDRESS}/{sent}")

    erase_person(person=people["ada"], actor_id="test")

    assert not Message.objects.exists() and not Copy.objects.exists() and not Attachment.objects.exists()
    assert on_disk() == before


def test_withdrawn_consent_keeps_the_messages_closed(as_, write, people, unlock):
    bob, message = as_("bob"), write()

    withdraw_consent(person=people["bob"], actor_id="test")

    assert len(bob.get(ADDRESS).json()["messages"]) == 1
    ticket = bob.post(f"{ADDRESS}/{message}/ticket", {}, content_type="application/json")
    assert code(ticket) == (403, "not_enrolled")
    assert unlock(bob, message, "bob").status_code in (403, 404)
    assert Copy.objects.exclude(wrapped_key=b"").count() == 2


def test_withdrawn_consent_closes_what_is_open(as_, write, people, unlock):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")

    withdraw_consent(person=people["bob"], actor_id="test")

    assert bob.get(f"{ADDRESS}/{message}/content").status_code == 403
