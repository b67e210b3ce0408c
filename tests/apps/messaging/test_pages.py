"""The pages: they escape what people write, run nothing inline, and say in words what can be done."""

from __future__ import annotations

import re
import uuid
from html.parser import HTMLParser

import pytest
from django.test import Client

from apps.identities.services.people import erase_person
from apps.messaging.selectors import listed
from tests.factories import PersonFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOBODYS = uuid.UUID(int=1)  # the id of no message
SCRIPT = "<script>alert('title')</script>\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """What a test wants to know of a page: its tags with their attributes, and text inside of scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._script:
            self.inline += data.strip()

    def handle_endtag(self, tag: str) -> None:
        self._script = False


def html(client: Client, address: str) -> str:
    answer = client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


@pytest.fixture
def every_page(as_, write) -> list[tuple[Client, str]]:
    """Each kind of page, with hostile titles on it."""
    sent, draft = write(title=SCRIPT), write(title=SCRIPT, send=False)
    ada, bob = as_("ada"), as_("bob")
    return [
        (bob, "/messages/"),
        (ada, "/messages/?folder=sent"),
        (ada, "/messages/?folder=drafts"),
        (bob, "/messages/?search=%3Cscript%3Ealert(1)%3C/script%3E"),
        (bob, "/messages/new/"),
        (bob, "/messages/new/?to=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
        (bob, f"/messages/new/?reply={sent}"),
        (bob, f"/messages/{sent}/"),
        (ada, f"/messages/{sent}/"),
        (ada, f"/messages/{draft}/"),
    ]


def test_nothing_that_people_write_becomes_markup(every_page):
    for client, address in every_page:
        page = html(client, address)

        assert "<script>alert" not in page and "<img src=x" not in page, address
        assert not [tag for tag, attributes in Page(page).tags if "onerror" in attributes], address


def test_nothing_runs_inline(every_page):
    for client, address in every_page:
        page = Page(html(client, address))
        inline = [
            (tag, name)
            for tag, attributes in page.tags
            for name in attributes
            if name == "style" or name.startswith("on") or "javascript:" in (attributes[name] or "").lower()
        ]

        assert inline == [] and page.inline == "", address
        assert not [tag for tag, attributes in page.tags if tag == "script" and not attributes.get("src")], address


def test_pages_carry_a_policy_that_allows_no_inline_script_and_are_not_kept(every_page):
    for client, address in every_page:
        answer = client.get(address)

        assert "unsafe-inline" not in answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]


def test_a_name_with_markup_is_escaped(write, people):
    user = people["ada"].user
    user.username = "<script>alert(2)</script>"
    user.save()
    client = Client()
    client.force_login(people["bob"].user)
    sender = Client()
    sender.force_login(user)
    body = {"title": "t", "recipients": ["bob"], "send": True}
    message = sender.post("/api/v1/messages", body, content_type="application/json").json()["message"]["id"]

    for address in ("/messages/", f"/messages/{message}/", f"/messages/new/?reply={message}"):
        page = html(client, address)
        assert "<script>alert(2)" not in page and "&lt;script&gt;alert(2)" in page


def test_every_field_has_a_label(every_page):
    for client, address in every_page:
        page = html(client, address)
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        inside = set(re.findall(r'<label[^>]*>\s*<input[^>]* name="([^"]+)"', page))
        for tag, attributes in Page(page).tags:
            if tag not in ("input", "select", "textarea") or attributes.get("type") in ("hidden", "submit"):
                continue
            named = attributes.get("id") in labelled or attributes.get("name") in inside or "aria-label" in attributes
            assert named, (address, attributes)


def test_ids_are_not_given_twice(every_page):
    for client, address in every_page:
        ids = [attributes["id"] for _, attributes in Page(html(client, address)).tags if attributes.get("id")]

        assert len(ids) == len(set(ids)), address


def test_empty_folders_say_so(as_):
    carol = as_("carol")

    assert "Nobody has written to you yet." in html(carol, "/messages/")
    assert "You have sent nothing yet." in html(carol, "/messages/?folder=sent")
    assert "There are no drafts." in html(carol, "/messages/?folder=drafts")
    assert "No title or name holds" in html(carol, "/messages/?search=x")


def test_the_drafts_page_leads_to_the_draft_with_its_form(as_, write):
    ada, draft = as_("ada"), write("not in the page", send=False, title="Half done")

    assert f"/messages/{draft}/" in html(ada, "/messages/?folder=drafts")
    page = html(ada, f"/messages/{draft}/")
    assert 'value="bob"' in page and 'value="Half done"' in page and "data-compose" in page
    assert "not in the page" not in page


def test_a_reply_is_addressed_and_titled(as_, write):
    bob, message = as_("bob"), write("not in the page", title="x" * 200)

    page = html(bob, f"/messages/new/?reply={message}")

    assert 'value="ada"' in page and f'value="Re: {"x" * 196}"' in page and "not in the page" not in page
    assert f'name="reply" value="{message}"' in page


def test_a_reply_to_somebody_who_is_gone_is_addressed_to_nobody(as_, write, people):
    message = write()
    erase_person(person=people["ada"], actor_id="test")

    page = html(as_("bob"), f"/messages/new/?reply={message}")

    assert 'name="recipients" value=""' in page
    assert 'value="Re: About the key"' in page


def test_the_list_announces_what_comes_while_it_is_made(as_, write, monkeypatch):
    bob = as_("bob")

    def listed_and_one_comes(**how):
        found = listed(**how)
        write()
        return found

    monkeypatch.setattr("apps.messaging.views.listed", listed_and_one_comes)

    assert 'data-arrived="0"' in html(bob, "/messages/")


def test_a_search_says_how_far_it_looks(as_, write):
    write()

    page = html(as_("bob"), "/messages/?search=key")

    assert "newest 2000 messages" in page and "at most 50 hits" in page
    assert "newest 2000 messages" not in html(as_("bob"), "/messages/")


def test_who_is_not_enrolled_is_told_to_enrol(as_, write, people):
    message = write()
    people["bob"].samples.all().delete()

    for address in ("/messages/", f"/messages/{message}/"):
        page = html(as_("bob"), address)
        assert "not enrolled yet" in page and "/enrol/" in page
    assert "Turn on the camera" not in html(as_("bob"), f"/messages/{message}/")


def test_why_it_does_not_open_any_more_is_said(as_, write, unlock):
    ada, bob = as_("ada"), as_("bob")
    revoked, once = write(), write(view_once=True)
    assert "You may open it once." in html(bob, f"/messages/{once}/")
    ada.post(f"/api/v1/messages/{revoked}/revoke")
    unlock(bob, once, "bob")

    assert "The sender has taken this message back." in html(bob, f"/messages/{revoked}/")
    assert "You have viewed this message." in html(bob, f"/messages/{once}/")
    assert "keep no copy of the text" in html(ada, f"/messages/{once}/")
    for message in (revoked, once):
        assert "Turn on the camera" not in html(bob, f"/messages/{message}/")


@pytest.mark.parametrize(
    "address",
    [
        "/messages/?folder=spam",
        "/messages/?folder=",
        "/messages/?before=x",
        "/messages/new/?reply=x",
        f"/messages/new/?reply={NOBODYS}",
        f"/messages/{NOBODYS}/",
        "/messages/x/",
    ],
)
def test_what_is_not_there_is_404(as_, address: str):
    assert as_("bob").get(address, headers={"Accept": "text/html"}).status_code == 404


@pytest.mark.parametrize(
    "search", ["\x00", "%", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 9000]
)
def test_any_search_gives_a_page(as_, write, search: str):
    write()

    assert as_("bob").get("/messages/", {"search": search}).status_code == 200


def test_a_foreign_message_is_not_there(as_, write):
    message, draft = write(), write(send=False)

    for address in (f"/messages/{message}/", f"/messages/new/?reply={message}"):
        assert as_("carol").get(address).status_code == 404
    assert as_("bob").get(f"/messages/{draft}/").status_code == 404
    assert as_("ada").get(f"/messages/new/?reply={message}").status_code == 404  # what one has sent is not answered


@pytest.mark.parametrize("address", ["/messages/", "/messages/new/", f"/messages/{NOBODYS}/"])
def test_nobody_is_sent_to_the_login(address: str):
    answer = Client().get(address)

    assert answer.status_code == 302 and answer["Location"].startswith("/login")


def test_pages_are_only_looked_at(as_):
    assert as_("bob").post("/messages/").status_code == 405


def test_an_account_without_a_person_has_an_empty_inbox(db):
    user = PersonFactory().user
    user.person.delete()
    client = Client()
    client.force_login(type(user).objects.get(pk=user.pk))

    assert "Nobody has written to you yet." in html(client, "/messages/")
