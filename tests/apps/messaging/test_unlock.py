"""A message opens for its reader, in one session, for a while; and for nobody and nothing else."""

from __future__ import annotations

import time
import uuid

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.audit.models import Event
from apps.captures.binding import session_binding
from apps.identities.models import Person
from apps.identities.services.people import set_status
from apps.messaging import unlocks
from apps.messaging.models import Attachment, Copy, Message
from apps.verification.models import Grant
from tests.system.test_browser import one_time_code

pytestmark = [pytest.mark.django_db, pytest.mark.database]
TEXT = "the key is under the mat"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def content(client: Client, message: str):
    return client.get(f"/api/v1/messages/{message}/content")


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def handle(client: Client, message: str, person: Person) -> str:
    return unlocks.handle_of(
        binding=session_binding(client.session.session_key), message_id=uuid.UUID(message), person=person
    )


def test_the_text_is_sent_after_the_unlock_and_not_before(as_, write, unlock):
    bob, message = as_("bob"), write()
    before = [
        content(bob, message).content.decode(),
        bob.get(f"/api/v1/messages/{message}").content.decode(),
        bob.get("/api/v1/messages").content.decode(),
        bob.get(f"/messages/{message}/").content.decode(),
        bob.get("/messages/").content.decode(),
    ]

    opened = unlock(bob, message, "bob")

    assert not any(TEXT in answer for answer in before)
    assert opened.json() == {"content": {"text": TEXT, "attachments": []}, "seconds": 30}
    assert opened["Cache-Control"] == "no-store"
    assert content(bob, message).json()["content"]["text"] == TEXT


def test_an_unlock_ends_with_its_time(as_, write, unlock, people):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")

    assert 0 < cache.ttl(f"unlock:{handle(bob, message, people['bob'])}") <= 30
    unlocks.end(handle(bob, message, people["bob"]))  # as when its time is over

    assert code(content(bob, message)) == (403, "message_locked")


def test_what_a_client_says_about_itself_opens_nothing(as_, write):
    bob, message = as_("bob"), write()
    claims = {"capture": str(uuid.uuid4()), "score": 0.99, "granted": True, "person": "bob"}

    answer = bob.post(f"/api/v1/messages/{message}/open", claims, content_type="application/json")

    assert code(answer) == (404, "not_found")


def test_a_grant_is_good_once(as_, write, unlock, decided):
    bob, message = as_("bob"), write()
    capture = {"capture": decided(bob, message, "bob")}

    answers = [
        bob.post(f"/api/v1/messages/{message}/open", capture, content_type="application/json").status_code
        for _ in range(2)
    ]

    assert answers == [200, 404]


def test_a_grant_of_another_session_is_none(as_, write, decided):
    one, another, message = as_("bob"), as_("bob"), write()
    capture = {"capture": decided(one, message, "bob")}

    answer = another.post(f"/api/v1/messages/{message}/open", capture, content_type="application/json")

    assert code(answer) == (404, "not_found")


def test_a_grant_for_another_message_is_none(as_, write, decided):
    bob, first, second = as_("bob"), write(), write("another text")
    capture = {"capture": decided(bob, first, "bob")}

    answer = bob.post(f"/api/v1/messages/{second}/open", capture, content_type="application/json")

    assert code(answer) == (404, "not_found")


def test_somebody_elses_face_in_ones_session_opens_nothing(as_, write, unlock):
    bob, message = as_("bob"), write()

    assert code(unlock(bob, message, "carol")) == (404, "not_found")


def test_a_login_is_no_unlock(as_, write, unlock):
    bob, message = as_("bob"), write()

    assert code(unlock(bob, message, "bob", purpose="login")) == (404, "not_found")


def test_an_unlock_is_no_login(as_, write, decided):
    bob, message = as_("bob"), write()
    capture = {"capture": decided(bob, message, "bob")}

    assert bob.post("/login/complete", capture, content_type="application/json").status_code == 404


def test_a_grant_that_is_too_old_is_none(as_, write, decided):
    bob, message = as_("bob"), write()
    capture = {"capture": decided(bob, message, "bob")}
    Grant.objects.update(expires_at=timezone.now())

    answer = bob.post(f"/api/v1/messages/{message}/open", capture, content_type="application/json")

    assert code(answer) == (404, "not_found")


def test_a_refusal_of_the_cascade_grants_nothing(as_, write, unlock):
    bob, message = as_("bob"), write()

    assert code(unlock(bob, message, "bob", outcome="DENIED")) == (404, "not_found")


def test_a_stranger_does_not_learn_that_the_message_is_there(as_, write, unlock):
    carol, message = as_("carol"), write()

    assert code(unlock(carol, message, "carol")) == (404, "not_found")
    assert code(carol.get(f"/api/v1/messages/{message}")) == (404, "not_found")
    assert code(carol.post(f"/api/v1/messages/{message}/ticket", {}, content_type="application/json"))[0] == 404


def test_on_the_borderline_a_code_is_asked_for(as_, write, decided, people):
    bob, message = as_("bob"), write()
    TOTP.activate(people["bob"].user, SECRET)
    capture = decided(bob, message, "bob", outcome="REQUIRE_2FA")

    def opened(typed: str):
        body = {"capture": capture, "code": typed}
        return bob.post(f"/api/v1/messages/{message}/open", body, content_type="application/json")

    assert code(opened("")) == (403, "second_factor_wanted")
    assert code(opened("000000")) == (403, "second_factor_wanted")
    assert content(bob, message).status_code == 403
    assert opened(one_time_code(SECRET)).json()["content"]["text"] == TEXT  # the grant is still good


def test_on_the_borderline_without_a_second_factor_nothing_opens(as_, write, unlock):
    bob, message = as_("bob"), write()

    assert code(unlock(bob, message, "bob", outcome="REQUIRE_2FA")) == (403, "second_factor_missing")


def test_somebody_who_is_not_enrolled_is_told_to_enrol(as_, write, people, unlock):
    bob, message = as_("bob"), write()
    people["bob"].samples.all().delete()

    ticket = bob.post(f"/api/v1/messages/{message}/ticket", {}, content_type="application/json")

    assert code(ticket) == (403, "not_enrolled")
    assert code(unlock(bob, message, "bob")) == (403, "not_enrolled")
    assert "/enrol/" in bob.get(f"/messages/{message}/").content.decode()


def test_what_is_viewed_once_is_gone_for_the_second_browser(as_, write, unlock):
    one, another, message = as_("bob"), as_("bob"), write(view_once=True)

    assert unlock(one, message, "bob").json()["content"]["text"] == TEXT
    assert code(unlock(another, message, "bob")) == (410, "message_gone")
    assert content(one, message).json()["content"]["text"] == TEXT  # while it is looked at
    assert not any(copy.wrapped_key for copy in Copy.objects.all())  # neither reader nor sender has a key left


def test_locking_ends_what_is_viewed_once(as_, write, unlock):
    bob, message = as_("bob"), write(view_once=True)
    unlock(bob, message, "bob")

    bob.post(f"/api/v1/messages/{message}/lock")

    assert code(content(bob, message)) == (403, "message_locked")
    assert code(unlock(bob, message, "bob")) == (410, "message_gone")


def test_a_changed_text_is_not_opened_and_not_used_up(as_, write, unlock):
    bob, message = as_("bob"), write(view_once=True)
    row = Message.objects.get()
    sealed = bytearray(row.sealed_text)
    sealed[20] ^= 1
    Message.objects.update(sealed_text=bytes(sealed))

    assert code(unlock(bob, message, "bob")) == (409, "message_damaged")
    Message.objects.update(sealed_text=row.sealed_text)
    assert unlock(bob, message, "bob").status_code == 200


def test_a_key_of_another_message_opens_nothing(as_, write, unlock):
    bob, first, second = as_("bob"), write(), write("another text")
    copies = {str(copy.message.public_id): copy for copy in Copy.objects.filter(opened_at=None)}
    Copy.objects.filter(pk=copies[second].pk).update(wrapped_key=copies[first].wrapped_key)

    assert code(unlock(bob, second, "bob")) == (409, "message_damaged")


def test_a_revoked_message_closes_where_it_is_open(as_, write, unlock):
    ada, bob, message = as_("ada"), as_("bob"), write()
    unlock(bob, message, "bob")

    assert ada.post(f"/api/v1/messages/{message}/revoke").json()["message"]["revoked"]

    assert code(content(bob, message)) == (410, "message_gone")
    assert code(unlock(bob, message, "bob")) == (410, "message_gone")
    assert bob.get(f"/api/v1/messages/{message}").json()["message"]["openable"] is False


def test_only_the_sender_revokes(as_, write):
    assert as_("bob").post(f"/api/v1/messages/{write()}/revoke").status_code == 404


def test_a_suspended_reader_loses_what_is_open(as_, write, unlock, people):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")

    set_status(person=people["bob"], status=Person.Status.SUSPENDED, actor_id="test")

    assert content(bob, message).status_code in (401, 403)


def test_the_sender_sees_who_opened(as_, write, unlock):
    ada, bob, message = as_("ada"), as_("bob"), write(recipients=["bob", "carol"])
    unlock(bob, message, "bob")

    seen = ada.get(f"/api/v1/messages/{message}").json()["message"]["recipients"]

    assert [(one["name"], one["opened_at"] is not None) for one in seen] == [("bob", True), ("carol", False)]


def test_the_senders_own_copy_needs_the_face_too(as_, write, unlock):
    ada, message = as_("ada"), write()

    assert code(content(ada, message)) == (403, "message_locked")
    assert unlock(ada, message, "ada").json()["content"]["text"] == TEXT


def test_an_unlock_is_an_event_that_names_no_message(as_, write, unlock, people):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")

    event = Event.objects.get(action="message.unlocked")
    sent = Event.objects.get(action="message.sent")

    assert event.subject_id == str(people["bob"].public_id)
    assert event.reference == str(Grant.objects.get().capture.public_id)
    assert message not in f"{event.details}{sent.reference}{sent.details}"
    assert event.details["message"] != sent.reference  # who sent it is not to be read from the trail


def test_nothing_is_answered_without_redis(as_, write, unlock, settings):
    bob, message = as_("bob"), write()
    unlock(bob, message, "bob")
    dead = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}

    settings.CACHES = dead

    assert code(content(bob, message)) == (503, "broker_unavailable")


def test_an_attachment_opens_with_its_message(as_, write, unlock):
    from django.core.files.uploadedfile import SimpleUploadedFile

    ada, bob, message = as_("ada"), as_("bob"), write(send=False)
    file = SimpleUploadedFile("map.txt", b"two steps north")
    attached = ada.post(f"/api/v1/messages/{message}/attachments", {"file": file})
    assert attached.status_code == 201, attached.json()
    assert ada.post(f"/api/v1/messages/{message}/send").status_code == 200
    address = f"/api/v1/messages/{message}/attachments/{Attachment.objects.get().pk}"

    before = bob.get(address)
    listed = unlock(bob, message, "bob").json()["content"]["attachments"]
    after = bob.get(address)

    assert code(before) == (403, "message_locked")
    assert listed == [{"id": Attachment.objects.get().pk, "name": "map.txt", "kind": "text/plain", "size": 15}]
    assert b"".join(after) == b"two steps north"
    assert after["X-Content-Type-Options"] == "nosniff"
    assert after["Content-Disposition"].startswith("attachment")


def test_nobody_is_asked_for_a_capture_that_no_worker_would_look_at(as_, write):
    bob, message = as_("bob"), write()
    address = f"/api/v1/messages/{message}/ticket"

    refused = bob.post(address, {}, content_type="application/json")
    cache.set("worker:ready:one@host", time.time(), 15)
    asked = bob.post(address, {}, content_type="application/json")

    assert (code(refused), asked.status_code) == ((503, "worker_unavailable"), 201)
    assert int(refused["Retry-After"]) > 0
