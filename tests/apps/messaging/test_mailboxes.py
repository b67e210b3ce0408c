"""Folders: what is in them, how they are paged and searched, and what their page is told as it happens."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.identities.models import Person
from apps.messaging.mailboxes import Folder
from apps.messaging.models import Copy, Message
from apps.messaging.selectors import DAMAGED, PAGE
from apps.messaging.services import compose
from apps.messaging.services.compose import Written
from tests.sockets import Socket

ADDRESS = "/api/v1/messages"
rows = [pytest.mark.django_db, pytest.mark.database]


def titles(client: Client, **asked: object) -> list[str]:
    answer = client.get(ADDRESS, asked)
    assert answer.status_code == 200, answer.json()
    return [one["title"] for one in answer.json()["messages"]]


def written(sender: Person, *wanted: str, to: str = "bob") -> None:
    """Send messages with these titles, without the API's limit on requests."""
    for title in wanted:
        draft = compose.save_draft(person=sender, written=Written(title=title, text="secret", recipients=(to,)))
        compose.send(person=sender, message_id=draft.public_id)


class TestLists:
    pytestmark = rows

    def test_each_folder_holds_its_own(self, as_, write):
        write(title="sent")
        write(title="kept", send=False)

        seen = {folder: titles(as_("ada"), folder=folder) for folder in Folder}

        assert seen == {"inbox": [], "sent": ["sent"], "drafts": ["kept"]}
        assert titles(as_("bob")) == ["sent"]
        assert [titles(as_("carol"), folder=folder) for folder in Folder] == [[], [], []]

    def test_the_newest_sent_is_first_whenever_it_was_begun(self, as_, write):
        begun_first = write(title="begun first, sent last", send=False)
        write(title="sent first")
        as_("ada").post(f"{ADDRESS}/{begun_first}/send")

        assert titles(as_("bob")) == ["begun first, sent last", "sent first"]

    def test_pages_follow_each_other_without_gap_or_repetition(self, as_, people):
        wanted = [f"number {number}" for number in range(PAGE + 5)]
        written(people["ada"], *wanted)
        bob = as_("bob")

        first = bob.get(ADDRESS).json()["messages"]
        second = bob.get(ADDRESS, {"before": first[-1]["id"]}).json()["messages"]

        assert [one["title"] for one in first + second] == wanted[::-1]
        assert len(first) == PAGE
        assert bob.get(ADDRESS, {"before": second[-1]["id"]}).json()["messages"] == []

    def test_a_page_that_begins_with_somebody_elses_message_is_empty(self, as_, write):
        foreign = write(recipients=["carol"])
        write()

        assert titles(as_("bob"), before=foreign) == []

    @pytest.mark.parametrize("asked", [{"folder": "spam"}, {"before": "x"}, {"search": "x" * 201}, {"search": "\x00"}])
    def test_what_cannot_be_asked_is_refused(self, as_, asked: dict[str, str]):
        assert as_("bob").get(ADDRESS, asked).status_code == 400

    def test_the_number_of_queries_does_not_grow_with_the_messages(self, as_, people):
        bob, carol = as_("bob"), as_("carol")
        written(people["ada"], "only one")
        written(people["ada"], *["one of many"] * 20, to="carol")
        written(people["bob"], *["one of many"] * 10, to="carol")
        counts = []
        for client, address in ((bob, "/messages/"), (carol, "/messages/"), (bob, ADDRESS), (carol, ADDRESS)):
            client.get(address)  # what a first look makes
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            counts.append(len(asked))

        assert counts[0] == counts[1] and counts[2] == counts[3]
        assert max(counts) <= 12

    def test_the_sent_folder_asks_no_more_for_many(self, as_, people):
        written(people["bob"], "only one", to="carol")
        written(people["ada"], *["one of many"] * 20)
        counts = []
        for client in (as_("bob"), as_("ada")):
            client.get("/messages/?folder=sent")
            with CaptureQueriesContext(connection) as asked:
                client.get("/messages/?folder=sent")
            counts.append(len(asked))

        assert counts[0] == counts[1] <= 12


class TestSearch:
    pytestmark = rows

    def test_titles_and_names_are_searched_and_texts_are_not(self, as_, write):
        write("the treasure is under the oak", title="Greetings")
        bob = as_("bob")

        assert titles(bob, search="greet") == ["Greetings"]
        assert titles(bob, search="ada") == ["Greetings"]
        assert titles(bob, search="treasure") == []

    def test_all_words_have_to_be_there_in_any_order(self, as_, write):
        write(title="The red house")
        bob = as_("bob")

        assert titles(bob, search=" house  RED ") == ["The red house"]
        assert titles(bob, search="red garden") == []

    def test_case_is_folded_and_not_only_lowered(self, as_, write):
        write(title="Hauptstraße ÉTÉ")

        assert titles(as_("bob"), search="HAUPTSTRASSE") == titles(as_("bob"), search="été") == ["Hauptstraße ÉTÉ"]

    @pytest.mark.parametrize("search", ["%", "_", "' OR 1=1 --", ".*", "\\"])
    def test_signs_of_other_languages_mean_nothing(self, as_, write, search: str):
        write()

        assert titles(as_("bob"), search=search) == []

    def test_nobody_finds_what_is_not_theirs(self, as_, write):
        write(title="for bob alone")

        assert titles(as_("carol"), search="bob") == []


class TestDamage:
    pytestmark = rows

    @pytest.mark.parametrize("change", ["flip", "cut", "empty", "other"])
    def test_a_tampered_header_is_said_to_be_one_and_the_list_goes_on(self, as_, write, change: str):
        first, second = write(title="whole"), write(title="tampered")
        copies = {str(one.message.public_id): one for one in Copy.objects.filter(opened_at=None)}
        sealed = bytes(copies[second].sealed_header)
        changed = {
            "flip": sealed[:-1] + bytes([sealed[-1] ^ 1]),
            "cut": sealed[:20],
            "empty": b"",
            "other": bytes(copies[first].sealed_header),
        }[change]
        Copy.objects.filter(pk=copies[second].pk).update(sealed_header=changed)
        bob = as_("bob")

        listed = {one["id"]: one for one in bob.get(ADDRESS).json()["messages"]}

        assert (listed[first]["title"], listed[first]["openable"]) == ("whole", True)
        assert (listed[second]["title"], listed[second]["openable"]) == (DAMAGED, False)
        assert bob.get(f"{ADDRESS}/{second}").status_code == 200
        assert bob.get(f"/messages/{second}/").status_code == 200
        assert bob.delete(f"{ADDRESS}/{second}").status_code == 204

    def test_a_tampered_header_is_not_said_to_be_from_the_reader(self, as_, write):
        write()
        write(sender="bob", recipients=["ada"])
        Copy.objects.filter(opened_at=None).update(sealed_header=b"")

        assert as_("bob").get(ADDRESS).json()["messages"][0]["sender"] not in ("ada", "bob")

    def test_a_tampered_header_of_the_sender_does_not_keep_a_message_from_being_taken_back(self, as_, write):
        message = write()
        Copy.objects.exclude(opened_at=None).update(sealed_header=b"")

        answer = as_("ada").post(f"{ADDRESS}/{message}/revoke")

        assert answer.status_code == 200
        assert Message.objects.get().revoked_at is not None

    def test_a_tampered_header_does_not_make_opening_a_fault(self, as_, write, unlock):
        bob, message = as_("bob"), write()
        Copy.objects.filter(opened_at=None).update(sealed_header=b"")

        assert unlock(bob, message, "bob").status_code in (200, 409)


class TestUnread:
    pytestmark = rows

    def unread(self, client: Client) -> int:
        return client.get(ADDRESS).json()["unread"]

    def test_what_is_opened_deleted_or_taken_back_is_unread_no_more(self, as_, write, unlock):
        ada, bob = as_("ada"), as_("bob")
        opened, deleted, revoked, _ = (write(title=str(number)) for number in range(4))

        counts = [self.unread(bob)]
        unlock(bob, opened, "bob")
        counts.append(self.unread(bob))
        bob.delete(f"{ADDRESS}/{deleted}")
        counts.append(self.unread(bob))
        ada.post(f"{ADDRESS}/{revoked}/revoke")
        counts.append(self.unread(bob))

        assert counts == [4, 3, 2, 1]
        assert self.unread(ada) == self.unread(as_("carol")) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
class TestPush:
    async def test_the_page_hears_of_each_change(self, as_, write, people):
        bob, ada = await database_sync_to_async(lambda: (as_("bob"), as_("ada")))()
        socket = Socket("/ws/mailbox/", bob)
        assert await socket.connect() is None
        heard = [await socket.receive()]

        message = await database_sync_to_async(write)()
        heard.append(await socket.receive())
        await database_sync_to_async(ada.post)(f"{ADDRESS}/{message}/revoke")
        heard.append(await socket.receive())
        await socket.leave()

        assert heard == [{"type": "unread", "unread": count} for count in (0, 1, 0)]

    async def test_somebody_elses_mail_is_not_told(self, as_, write):
        socket = Socket("/ws/mailbox/", await database_sync_to_async(as_)("carol"))
        await socket.connect()
        await socket.receive()

        await database_sync_to_async(write)(recipients=["bob"])
        await database_sync_to_async(write)(recipients=["carol"])

        assert await socket.receive() == {"type": "unread", "unread": 1}
        await socket.leave()

    async def test_nobody_is_told_nothing(self, transactional_db):
        assert await Socket("/ws/mailbox/", Client()).connect() == 4403
