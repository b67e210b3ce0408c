"""Writing: what is sent arrives as it was written, and what cannot be sent is refused with a word about it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.identities.models import Person
from apps.identities.services.people import erase_person, set_status
from apps.messaging.models import Copy, Message
from apps.messaging.services.compose import LONGEST_TEXT, MOST_DRAFTS
from tests.factories import PersonFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ADDRESS = "/api/v1/messages"
PLANES = "a\u00e9\u05d0\u4e2d\u202e\ufffd\U0001f511\U0002a6d6\U00030000\U000e0041\U000f0000\U0010fffd\n\t  end "


def post(client: Client, **values: object):
    body = {"title": "A title", "text": "text", "recipients": ["bob"], "send": True} | values
    return client.post(ADDRESS, body, content_type="application/json")


def put(client: Client, message: str, **values: object):
    body = {"title": "A title", "text": "text", "recipients": ["bob"]} | values
    return client.put(f"{ADDRESS}/{message}", body, content_type="application/json")


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def folder(client: Client, name: str) -> list[dict]:
    return client.get(ADDRESS, {"folder": name}).json()["messages"]


def test_it_arrives_at_each_who_was_named(as_, unlock):
    sent = post(as_("ada"), recipients=["bob", "carol"], text=PLANES).json()["message"]

    for name in ("bob", "carol"):
        (received,) = folder(as_(name), "inbox")
        assert (received["id"], received["title"], received["sender"]) == (sent["id"], "A title", "ada")
        assert unlock(client := as_(name), sent["id"], name).json()["content"]["text"] == PLANES
        assert client.get(f"{ADDRESS}/{sent['id']}/content").json()["content"]["text"] == PLANES


def test_somebody_named_twice_gets_it_once(as_):
    sent = post(as_("ada"), recipients=["bob", " bob ", "bob"])

    assert [one["name"] for one in sent.json()["message"]["recipients"]] == ["bob"]
    assert len(folder(as_("bob"), "inbox")) == 1


def test_a_draft_is_seen_by_nobody_else(as_, write):
    draft = write(send=False)

    assert [one["id"] for one in folder(as_("ada"), "drafts")] == [draft]
    assert folder(as_("bob"), "inbox") == []
    for answer in (
        as_("bob").get(f"{ADDRESS}/{draft}"),
        put(as_("bob"), draft, recipients=["carol"]),
        as_("bob").post(f"{ADDRESS}/{draft}/send"),
        as_("bob").delete(f"{ADDRESS}/{draft}"),
        as_("bob").post(f"{ADDRESS}/{draft}/revoke"),
    ):
        assert code(answer) == (404, "not_found")


def test_a_draft_is_replaced_as_a_whole(as_, write, unlock):
    ada, draft = as_("ada"), write(send=False)

    assert put(ada, draft, title="Another", text="other words", recipients=["carol"]).status_code == 200
    assert ada.post(f"{ADDRESS}/{draft}/send").status_code == 200

    assert folder(as_("bob"), "inbox") == []
    carol = as_("carol")
    assert folder(carol, "inbox")[0]["title"] == "Another"
    assert unlock(carol, draft, "carol").json()["content"]["text"] == "other words"


def test_what_was_sent_cannot_be_sent_again_or_changed(as_, write):
    ada, message = as_("ada"), write()

    assert code(ada.post(f"{ADDRESS}/{message}/send")) == (409, "not_a_draft")
    assert code(put(ada, message)) == (409, "not_a_draft")
    assert code(put(as_("bob"), message, recipients=["carol"])) == (409, "not_a_draft")
    assert len(folder(as_("bob"), "inbox")) == 1


@pytest.mark.parametrize("status", [Person.Status.SUSPENDED, "deleted", "never there"])
def test_who_cannot_receive_looks_like_nobody(as_, people, status: str):
    if status == "deleted":
        erase_person(person=people["bob"], actor_id="test")
    elif status == Person.Status.SUSPENDED:
        set_status(person=people["bob"], status=status, actor_id="test")
    name = "nobody" if status == "never there" else "bob"

    answer = post(as_("ada"), recipients=["carol", name])

    assert code(answer) == (400, "recipient_unknown")
    assert answer.json()["error"]["fields"] == {"recipients": [name]}
    assert not Message.objects.exists()


def test_who_goes_before_it_is_sent_is_not_left_out_in_silence(as_, write, people):
    draft = write(send=False, recipients=["bob", "carol"])
    set_status(person=people["bob"], status=Person.Status.SUSPENDED, actor_id="test")

    answer = as_("ada").post(f"{ADDRESS}/{draft}/send")

    assert code(answer) == (400, "recipient_unknown")
    assert len(folder(as_("ada"), "drafts")) == 1 and folder(as_("carol"), "inbox") == []


def test_to_oneself_is_refused(as_):
    assert code(post(as_("ada"), recipients=["ada"])) == (400, "message_to_self")
    assert code(post(as_("ada"), recipients=["bob", "ada"], send=False)) == (400, "message_to_self")


def test_to_nobody_can_be_kept_and_not_sent(as_):
    ada = as_("ada")

    assert code(post(ada, recipients=[])) == (400, "recipient_missing")
    assert not Message.objects.exists()
    assert post(ada, recipients=[], send=False).status_code == 201


def test_more_than_fifty_are_refused(as_):
    names = [f"reader{number}" for number in range(51)]
    for name in names:
        PersonFactory(user__username=name)

    assert code(post(as_("ada"), recipients=names)) == (400, "invalid_request")
    assert post(as_("ada"), recipients=names[:50]).status_code == 201
    assert Copy.objects.count() == 51


@pytest.mark.parametrize("title", ["", "   ", "x" * 201, "a\x00b", "\ud800"])
def test_a_title_that_is_none_is_refused(as_, title: str):
    answer = post(as_("ada"), title=title)

    assert code(answer) == (400, "invalid_request")
    assert "title" in answer.json()["error"]["fields"]


def test_a_title_is_kept_as_it_is(as_):
    title = "<script>alert('1')</script> & " + "\U0001f511"

    assert post(as_("ada"), title=title).json()["message"]["title"] == title


def test_a_megabyte_of_text_is_too_long_and_leaves_the_draft(as_, write, unlock):
    ada, draft = as_("ada"), write("short", send=False)

    assert code(post(ada, text="x" * 1_000_000)) == (413, "text_too_long")
    assert code(put(ada, draft, text="x" * (LONGEST_TEXT + 1))) == (413, "text_too_long")
    assert Message.objects.count() == 1
    assert unlock(ada, draft, "ada").json()["content"]["text"] == "short"


def test_the_longest_text_arrives(as_, unlock):
    text = "\U0001f511" * LONGEST_TEXT
    bob, sent = as_("bob"), post(as_("ada"), text=text)

    assert unlock(bob, sent.json()["message"]["id"], "bob").json()["content"]["text"] == text


@pytest.mark.parametrize("life", [timedelta(days=-1), timedelta(seconds=5), timedelta(days=3650)])
def test_an_expiry_that_makes_no_sense_is_refused(as_, life: timedelta):
    answer = post(as_("ada"), expires_at=(timezone.now() + life).isoformat())

    assert code(answer) == (400, "invalid_request")
    assert "expires_at" in answer.json()["error"]["fields"]


def test_a_draft_that_would_expire_at_once_is_not_sent(as_, write):
    draft = write(send=False, expires_at=(timezone.now() + timedelta(hours=1)).isoformat())
    Message.objects.update(expires_at=timezone.now() + timedelta(seconds=20))

    answer = as_("ada").post(f"{ADDRESS}/{draft}/send")

    assert code(answer) == (400, "invalid_request")
    assert Message.objects.get().sent_at is None


def test_of_what_is_viewed_once_the_sender_keeps_no_key(as_):
    sent = post(as_("ada"), view_once=True).json()["message"]

    assert (sent["view_once"], sent["openable"]) == (True, False)
    assert folder(as_("bob"), "inbox")[0]["openable"]


def test_a_view_once_draft_that_is_open_closes_for_its_sender_when_it_is_sent(as_, write, unlock):
    ada, draft = as_("ada"), write(send=False, view_once=True)
    unlock(ada, draft, "ada")

    assert ada.post(f"{ADDRESS}/{draft}/send").status_code == 200

    assert ada.get(f"{ADDRESS}/{draft}/content").status_code in (403, 410)


def test_a_reply_says_to_what(as_, write):
    message = write()

    post(as_("bob"), recipients=["ada"], reply_to=message)

    assert folder(as_("ada"), "inbox")[0]["reply_to"] == message


@pytest.mark.parametrize("field", ["title", "text", "recipients", "expires_at", "view_once", "reply_to", "send"])
def test_values_of_wrong_types_are_refused_or_taken_and_never_a_fault(as_, field: str):
    ada = as_("ada")
    values = [1, 1.5, True, None, [], [1], [None], {}, {"a": 1}, "\x00", "\ud800", 10**40, [[]]]

    statuses = [post(ada, **{field: value}).status_code for value in values]

    assert set(statuses) <= {201, 400}, statuses


@pytest.mark.parametrize(
    "body", ["", "[]", "null", "1", '"text"', "{", "[1, 2]", "NaN", '{"title": NaN}', "\x00", "[" * 5000]
)
def test_bodies_that_are_no_message_are_refused(as_, body: str):
    answer = as_("ada").post(ADDRESS, body, content_type="application/json")

    assert code(answer) == (400, "invalid_request")


def test_drafts_are_not_without_end(as_, people, write):
    draft = write(send=False)
    copy = Copy.objects.get()
    for _ in range(MOST_DRAFTS - 1):
        message = Message.objects.create(sealed_text=b"")
        Copy.objects.create(message=message, mailbox=copy.mailbox, sealed_header=b"", wrapped_key=b"")

    assert code(post(as_("ada"), send=False)) == (409, "too_many_drafts")
    assert as_("ada").delete(f"{ADDRESS}/{draft}").status_code == 204
    assert post(as_("ada"), send=False).status_code == 201


def test_a_browser_needs_the_token_against_forgery(as_, people):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people["ada"].user)

    assert code(post(browser)) == (403, "csrf_failed")
    browser.get("/messages/")
    sent = browser.post(
        ADDRESS,
        {"title": "t", "recipients": ["bob"], "send": True},
        content_type="application/json",
        headers={"X-CSRFToken": browser.cookies["csrftoken"].value},
    )
    assert sent.status_code == 201


def test_nobody_writes_without_a_login():
    assert code(post(Client())) == (401, "not_authenticated")


def test_a_draft_with_a_damaged_key_or_header_is_refused_and_no_fault(as_, write):
    ada, draft = as_("ada"), write(send=False)
    Copy.objects.update(wrapped_key=b"damaged")

    assert code(put(ada, draft)) == (409, "message_damaged")
    assert code(ada.post(f"{ADDRESS}/{draft}/send")) == (409, "message_damaged")
    Copy.objects.update(sealed_header=b"damaged")
    assert code(ada.post(f"{ADDRESS}/{draft}/send")) == (409, "message_damaged")


def test_an_unknown_message_is_not_there(as_):
    for answer in (put(as_("ada"), str(uuid.uuid4())), as_("ada").post(f"{ADDRESS}/{uuid.uuid4()}/send")):
        assert code(answer) == (404, "not_found")
