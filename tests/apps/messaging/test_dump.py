"""What a copy of the database and of the sealed folder says to somebody who has no key."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from apps.audit.models import Event
from apps.messaging.models import Attachment, Copy, Message

pytestmark = [pytest.mark.django_db, pytest.mark.database]
ADDRESS = "/api/v1/messages"
TITLE, TEXT = "Zephyrine's birthday", "the treasure lies under the seventh oak"
FILE_NAME, FILE = "quicksilver-map.txt", b"forty steps north of the chapel"
# Accounts, sessions and who a person is are not messages; the trail has a test of its own below.
ELSEWHERE = {"auth_user", "django_session"}
ELSEWHERE_APPS = ("identities", "audit")


@pytest.fixture
def people(people):
    """Ada, bob and carol under names that neither chance bytes nor the digits of an id can spell, as ``ada`` they can."""
    for name, person in people.items():
        person.user.username = f"{name}-of-the-lighthouse"
        person.user.save()
    return people


@pytest.fixture
def happened(as_, write, unlock, people) -> str:
    """Ada writes to bob with a file, bob opens it, answers, and keeps a draft; gives the first message's id."""
    ada, bob = as_("ada"), as_("bob")
    to_ada, to_bob = ({"recipients": [people[name].user.username]} for name in ("ada", "bob"))
    message = write(TEXT, title=TITLE, send=False, **to_bob)
    file = SimpleUploadedFile(FILE_NAME, FILE)
    assert ada.post(f"{ADDRESS}/{message}/attachments", {"file": file}).status_code == 201
    assert ada.post(f"{ADDRESS}/{message}/send").status_code == 200
    assert unlock(bob, message, "bob").status_code == 200
    write(TEXT, sender="bob", title=TITLE, reply_to=message, **to_ada)
    write(TEXT, sender="bob", title=TITLE, send=False, **to_ada)
    return message


def as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def rows_of(table: str) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  (the name comes from a model)
        return [b"|".join(as_bytes(value) for value in row) for row in cursor.fetchall()]


def tables() -> list[str]:
    return [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in ELSEWHERE_APPS and model._meta.db_table not in ELSEWHERE
    ]


def files() -> bytes:
    folder = Path(settings.STORAGES["sealed"]["OPTIONS"]["location"])
    return b"".join((folder / name).read_bytes() for name in Attachment.objects.values_list("blob", flat=True))


def test_no_table_and_no_file_holds_what_was_written(happened: str):
    dump = b"\n".join(row for table in tables() for row in rows_of(table)) + files()

    for secret in (TITLE, TEXT, FILE_NAME, FILE.decode(), "Zephyrine", "treasure", "quicksilver", "chapel"):
        assert secret.encode() not in dump
        assert secret.encode().hex().encode() not in dump


def test_the_rows_of_messages_name_nobody(happened: str, people):
    dump = b"\n".join(row for table in tables() if table.startswith("messaging_") for row in rows_of(table))

    assert dump
    for person in people.values():
        named = [person.user.username, str(person.public_id), person.public_id.hex]
        assert not [one for one in named if one.encode() in dump]


def test_no_column_of_messages_leads_to_a_person():
    targets = {
        field.related_model._meta.label
        for model in apps.get_app_config("messaging").get_models()
        for field in model._meta.get_fields()
        if field.is_relation
    }

    assert targets == {"messaging.Message", "messaging.Copy", "messaging.Attachment"}


def test_two_messages_between_the_same_two_share_their_mailboxes_and_nothing_else(write, people):
    """What is left to see: how many messages each of these digests has, which digests share a message, and when. A digest
    is of one person and one folder, so that inbox, sent and drafts of one person do not lead to each other; whose a digest
    is cannot be worked out without the master key."""
    for _ in range(2):
        write(TEXT, title=TITLE, recipients=[people["bob"].user.username])
    first, second = Message.objects.order_by("pk")

    assert set(first.copies.values_list("mailbox", flat=True)) == set(second.copies.values_list("mailbox", flat=True))
    ones = [
        bytes(first.sealed_text),
        *(bytes(row) for one in first.copies.all() for row in (one.sealed_header, one.wrapped_key)),
    ]
    others = [
        bytes(second.sealed_text),
        *(bytes(row) for one in second.copies.all() for row in (one.sealed_header, one.wrapped_key)),
    ]
    heading = 5  # version and key id: the same in everything that is sealed under one master key
    assert not {one[heading:21] for one in ones} & {other[heading:21] for other in others}
    assert first.public_id != second.public_id


def test_the_folders_of_one_person_do_not_lead_to_each_other(write, people):
    to_ada, to_bob = ([people[name].user.username] for name in ("ada", "bob"))
    write(recipients=to_bob)
    write(recipients=to_bob, send=False)
    write(sender="bob", recipients=to_ada)

    boxes = list(Copy.objects.values_list("mailbox", flat=True))

    assert len(set(boxes)) == len(boxes) == 5


def test_the_trail_names_no_message_no_title_and_nobody_else(happened: str, as_, people):
    as_("ada").post(f"{ADDRESS}/{happened}/revoke")
    as_("bob").delete(f"{ADDRESS}/{happened}")
    ids = {str(one) for one in Message.objects.values_list("public_id", flat=True)} | {happened}
    told = Event.objects.filter(action__startswith="message")

    assert {one.action for one in told} == {"message.sent", "message.unlocked", "message.revoked", "message.deleted"}
    for event in told:
        whole = f"{event.reference}|{event.details}|{event.subject_id}|{event.actor_id}"
        others = [one for one in people.values() if str(one.public_id) != event.subject_id]
        assert not [one for one in ids if one in whole or one.replace("-", "") in whole]
        assert not [one for one in others if str(one.public_id) in whole or one.user.username in whole]
        assert TITLE not in whole
        assert (
            str(people["ada"].user_id if event.subject_id == str(people["ada"].public_id) else people["bob"].user_id)
            == event.actor_id
        )


def test_the_trail_does_not_join_sender_and_reader_by_a_reference(happened: str, people):
    aliases: dict[str, set[str]] = {}
    for event in Event.objects.filter(action__in=["message.sent", "message.unlocked"]):
        alias = event.details.get("message") or event.reference
        aliases.setdefault(alias, set()).add(event.subject_id)

    assert all(len(subjects) == 1 for subjects in aliases.values())
