"""Attachments: the kind by content, a name that does no harm, and bytes that open whole, in order, or not at all."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.errors import CosmicError, ErrorCode
from apps.identities.vault import Unsealable
from apps.messaging.files import ENDINGS, LONGEST_NAME, PIECE, TEXT, SealedContent, harmless_name, kind_of, opened
from apps.messaging.models import Attachment

HEADER, TAG = 24, 17
KEY = bytes(range(32))
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + b"\x00" * 20
SIZES = [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5]


def sealed(plain: bytes, key: bytes = KEY, place: str = "here") -> bytes:
    return b"".join(SealedContent(io.BytesIO(plain), key, place=place).chunks())


def content(size: int) -> bytes:
    return os.urandom(size)


def assert_breaks_off(changed: bytes, plain: bytes, key: bytes = KEY, place: str = "here") -> None:
    """What was given before the fault was seen is the beginning of the file, and the fault is seen."""
    given = b""
    with pytest.raises(Unsealable):
        for piece in opened(io.BytesIO(changed), key, place=place):
            given += piece
    assert plain.startswith(given)


@pytest.mark.parametrize(
    ("name", "kind", "harmless"),
    [
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\Windows\\system.txt", TEXT, "system.txt"),
        ("note\x00.txt", TEXT, "note.txt"),
        ("photo\u202egpj.exe", "image/png", "photogpj.exe.png"),
        ("...hidden.txt", TEXT, "hidden.txt"),
        ("", TEXT, "file.txt"),
        ("....", TEXT, "file.txt"),
        (".txt", TEXT, "txt.txt"),
        ('a<b>:"|?*.txt', TEXT, "a_b______.txt"),
        ("page.html", TEXT, "page.html.txt"),
        ("picture.pdf", "image/png", "picture.pdf.png"),
        ("Photo.JPG", "image/jpeg", "Photo.JPG"),
        ("line\r\nSet-Cookie: x.txt", TEXT, "lineSet-Cookie_ x.txt"),
    ],
)
def test_a_hostile_name_is_made_harmless(name: str, kind: str, harmless: str):
    assert harmless_name(name, kind) == harmless


def test_a_long_name_is_cut_and_keeps_its_ending():
    name = harmless_name("x" * 300 + ".jpeg", "image/jpeg")

    assert len(name) <= LONGEST_NAME and name.endswith(".jpeg")


@given(name=st.text(max_size=400), kind=st.sampled_from(sorted(ENDINGS)))
def test_no_name_leads_anywhere_or_hides_its_ending(name: str, kind: str):
    harmless = harmless_name(name, kind)

    assert 0 < len(harmless) <= LONGEST_NAME
    assert not set(harmless) & set('/\\<>:"|?*\x00\r\n\u202e')
    assert harmless[0] not in ". "
    assert harmless.lower().endswith(ENDINGS[kind])


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "image/jpeg"),
        (b"%PDF-1.7\n%\xe2\xe3", "application/pdf"),
        (b"<!doctype html><script>alert(1)</script>", TEXT),
        (b"#!/bin/sh\nrm -rf /\n", TEXT),
        ("Grüße".encode() * 2000, TEXT),
        (("x" * 8191 + "ü").encode()[:8192], TEXT),  # a letter cut off where reading stopped
    ],
)
def test_the_kind_is_told_by_content(start: bytes, kind: str):
    assert kind_of(start[:8192]) == kind


@pytest.mark.parametrize(
    "start",
    [
        b"\x7fELF\x02\x01\x01" + b"\x00" * 60,
        b"MZ\x90\x00" + b"\x00" * 60,
        b"\xff\xfe\x00\x01\x02random\x80",
        b"text with a \x00 in it",
        b"text cut off: \xc3",  # the whole file, so that nothing more comes
    ],
)
def test_what_may_run_or_is_not_known_is_refused(start: bytes):
    with pytest.raises(CosmicError) as refused:
        kind_of(start)

    assert refused.value.code is ErrorCode.ATTACHMENT_KIND


def test_an_empty_file_is_refused():
    with pytest.raises(CosmicError) as refused:
        kind_of(b"")

    assert refused.value.code is ErrorCode.EMPTY_FILE


@given(start=st.binary(min_size=1, max_size=600))
def test_random_bytes_have_an_allowed_kind_or_are_refused(start: bytes):
    try:
        kind = kind_of(start)
    except CosmicError as error:
        assert error.code is ErrorCode.ATTACHMENT_KIND
    else:
        assert kind in ENDINGS


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_as_it_was(size: int):
    plain = content(size)
    written = sealed(plain)

    assert b"".join(opened(io.BytesIO(written), KEY, place="here")) == plain
    assert len(written) == HEADER + size + TAG * -(-size // PIECE)
    assert plain[:64] not in written or size < 16


def pieces_of(written: bytes) -> list[bytes]:
    step = PIECE + TAG
    return [written[at : at + step] for at in range(HEADER, len(written), step)]


@pytest.mark.parametrize(
    "order", [[1, 0, 2, 3], [0, 2, 3], [1, 2, 3], [0, 0, 1, 2, 3], [0, 1, 2], [0], [], [0, 1, 2, 3, 3], [3]]
)
def test_pieces_swapped_dropped_or_repeated_are_not_opened(order: list[int]):
    plain = content(3 * PIECE + 5)
    written = sealed(plain)
    pieces = pieces_of(written)

    assert_breaks_off(written[:HEADER] + b"".join(pieces[at] for at in order), plain)


@pytest.mark.parametrize(
    "length", [0, 1, HEADER - 1, HEADER, HEADER + 1, HEADER + TAG - 1, PIECE, PIECE + HEADER + TAG]
)
def test_a_file_cut_off_is_not_opened(length: int):
    plain = content(PIECE + 9)

    assert_breaks_off(sealed(plain)[:length], plain)


def test_nothing_can_be_appended():
    plain = content(7)

    assert_breaks_off(sealed(plain) + b"\x00", plain)
    assert_breaks_off(sealed(plain) + sealed(plain)[HEADER:], plain)
    whole = content(PIECE)
    assert_breaks_off(sealed(whole) + b"\x00", whole)


def test_another_key_or_another_place_opens_nothing():
    plain = content(100)

    assert_breaks_off(sealed(plain), b"", key=bytes(32))
    assert_breaks_off(sealed(plain), b"", place="there")


def test_pieces_of_another_file_under_the_same_key_are_not_taken():
    one, another = content(2 * PIECE), content(2 * PIECE)
    mixed = sealed(one)[: HEADER + PIECE + TAG] + pieces_of(sealed(another))[1]

    assert_breaks_off(mixed, one)


@given(at=st.integers(min_value=0), bit=st.integers(0, 7))
@hypothesis_settings(max_examples=50)
def test_a_changed_bit_is_seen(at: int, bit: int):
    plain = zlib.compress(b"a map of the garden") * 3
    written = bytearray(sealed(plain))
    written[at % len(written)] ^= 1 << bit

    assert_breaks_off(bytes(written), b"")


# --- over the API -------------------------------------------------------------------------------------


def put(client, message: str, name: str, held: bytes):
    return client.post(f"/api/v1/messages/{message}/attachments", {"file": SimpleUploadedFile(name, held)})


def on_disk() -> set[Path]:
    folder = Path(django_settings.STORAGES["sealed"]["OPTIONS"]["location"]) / "messages"
    return set(folder.rglob("*")) if folder.exists() else set()


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.django_db
@pytest.mark.database
@pytest.mark.parametrize(
    ("held", "refusal"),
    [(b"", (400, "empty_file")), (b"MZ" + b"\x00" * 60, (415, "attachment_kind")), (b"x" * 101, (413, "too_large"))],
)
def test_a_refused_file_leaves_nothing_behind(as_, write, settings, held: bytes, refusal: tuple[int, str]):
    ada, message, before = as_("ada"), write(send=False), on_disk()
    settings.ENV = replace(settings.ENV, attachment_max_bytes=100)

    assert code(put(ada, message, "photo.jpg", held)) == refusal
    assert on_disk() == before and not Attachment.objects.exists()


@pytest.mark.django_db
@pytest.mark.database
def test_a_file_that_is_as_large_as_may_be_is_taken(as_, write, settings):
    ada, message = as_("ada"), write(send=False)
    settings.ENV = replace(settings.ENV, attachment_max_bytes=100)

    assert put(ada, message, "a.txt", b"x" * 100).status_code == 201


@pytest.mark.django_db
@pytest.mark.database
def test_the_eleventh_file_is_refused(as_, write):
    ada, message = as_("ada"), write(send=False)
    taken = [put(ada, message, "a.txt", b"x").status_code for _ in range(10)]
    before = on_disk()

    assert taken == [201] * 10
    assert code(put(ada, message, "a.txt", b"x")) == (409, "too_many_attachments")
    assert on_disk() == before


@pytest.mark.django_db
@pytest.mark.database
def test_only_ones_own_draft_takes_files(as_, write):
    ada, bob, sent, draft = as_("ada"), as_("bob"), write(), write(send=False)
    before = on_disk()

    assert code(put(ada, sent, "a.txt", b"x")) == (409, "not_a_draft")
    assert code(put(bob, sent, "a.txt", b"x")) == (409, "not_a_draft")
    assert code(put(bob, draft, "a.txt", b"x")) == (404, "not_found")
    assert on_disk() == before


@pytest.mark.django_db
@pytest.mark.database
def test_something_else_than_a_file_is_refused(as_, write):
    address = f"/api/v1/messages/{write(send=False)}/attachments"

    assert code(as_("ada").post(address, {"file": "no file"})) == (400, "invalid_request")
    assert code(as_("ada").post(address, {"file": 1}, content_type="application/json")) == (415, "unsupported_media")


@pytest.mark.django_db(transaction=True)
@pytest.mark.database
def test_a_file_taken_off_a_draft_is_gone_from_the_disk(as_, write):
    ada, bob, message, before = as_("ada"), as_("bob"), write(send=False), on_disk()
    number = put(ada, message, "a.txt", b"x").json()["attachment"]["id"]
    address = f"/api/v1/messages/{message}/attachments/{number}"

    assert code(bob.delete(address)) == (404, "not_found")
    assert on_disk() - before
    assert ada.delete(address).status_code == 204
    assert on_disk() == before


@pytest.fixture
def with_file(as_, write):
    """A sent message with a file, and where that is fetched."""

    def made(name: str, held: bytes) -> tuple[str, str]:
        ada, message = as_("ada"), write(send=False)
        number = put(ada, message, name, held).json()["attachment"]["id"]
        assert ada.post(f"/api/v1/messages/{message}/send").status_code == 200
        return message, f"/api/v1/messages/{message}/attachments/{number}"

    return made


@pytest.mark.django_db
@pytest.mark.database
def test_a_download_cannot_run_in_the_page(as_, with_file, unlock):
    bob = as_("bob")
    message, address = with_file("ev\u00efl <x>.html", b"<script>alert(1)</script>")
    unlock(bob, message, "bob")

    answer = bob.get(address)

    assert answer["Content-Type"] == TEXT
    assert answer["Content-Disposition"] == "attachment; filename*=UTF-8''ev%C3%AFl%20_x_.html.txt"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"
    assert int(answer["Content-Length"]) == len(b"".join(answer))


@pytest.mark.django_db
@pytest.mark.database
def test_a_file_of_another_message_is_not_given_with_this_ones_unlock(as_, with_file, unlock):
    bob = as_("bob")
    one, _ = with_file("a.txt", b"one")
    _, other = with_file("b.txt", b"other")
    unlock(bob, one, "bob")

    answer = bob.get(f"/api/v1/messages/{one}/attachments/{other.rsplit('/', 1)[1]}")

    assert code(answer) == (404, "not_found")


@pytest.mark.django_db
@pytest.mark.database
def test_a_file_changed_on_the_disk_breaks_off(as_, with_file, unlock):
    bob, held = as_("bob"), ("a line of text\n" * 40_000).encode()
    message, address = with_file("a.txt", held)
    path = Path(django_settings.STORAGES["sealed"]["OPTIONS"]["location"]) / Attachment.objects.get().blob
    written = bytearray(path.read_bytes())
    written[HEADER + PIECE + TAG + 5] ^= 1
    path.write_bytes(written)
    unlock(bob, message, "bob")

    with pytest.raises(Unsealable):
        list(bob.get(address))
