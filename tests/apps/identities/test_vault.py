"""Sealing: what goes in comes out, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured

from apps.identities import master_keys
from apps.identities.models import RootSecret
from apps.identities.vault import (
    Unsealable,
    derived_seed,
    is_current,
    keyed_digest,
    reseal,
    seal,
    sealed_with,
    unseal,
)
from tests.apps.identities.conftest import fresh_key

KEY = base64.b64encode(bytes(range(32))).decode()
TEMPLATE = {"purpose": "template", "bound_to": "7:1"}


def test_what_was_sealed_opens_again():
    sealed = seal(b"a template", purpose="template", bound_to="7:1")

    assert unseal(sealed, purpose="template", bound_to="7:1") == b"a template"
    assert b"a template" not in sealed


def test_sealing_twice_gives_different_bytes():
    first, second = (seal(b"same", purpose="template", bound_to="7:1") for _ in range(2))

    assert first != second


@pytest.mark.parametrize(("purpose", "bound_to"), [("template", "8:1"), ("sample", "7:1")])
def test_a_value_moved_elsewhere_does_not_open(purpose, bound_to):
    sealed = seal(b"a template", purpose="template", bound_to="7:1")

    with pytest.raises(Unsealable):
        unseal(sealed, purpose=purpose, bound_to=bound_to)


@pytest.mark.parametrize("position", [0, 1, 5, 17, -1])
def test_a_changed_byte_is_found(position):
    sealed = bytearray(seal(b"a template", purpose="template", bound_to="7:1"))
    sealed[position] ^= 1

    with pytest.raises(Unsealable):
        unseal(bytes(sealed), purpose="template", bound_to="7:1")


@pytest.mark.parametrize("length", [0, 1, 5, 10, 17, 20])
def test_a_value_that_was_cut_off_does_not_open(length: int):
    sealed = seal(b"a template", **TEMPLATE)

    with pytest.raises(Unsealable):
        unseal(sealed[:length], **TEMPLATE)


def test_a_value_names_its_key_and_is_sealed_anew_under_the_first(settings):
    old, new = fresh_key(), fresh_key()
    settings.ENV = replace(settings.ENV, master_key=old)
    sealed = seal(b"a template", **TEMPLATE)
    settings.ENV = replace(settings.ENV, master_key=f"{new},{old}")

    resealed = reseal(sealed, **TEMPLATE)

    assert not is_current(sealed)
    assert is_current(resealed)
    assert sealed_with(sealed) == master_keys.configured()[1].id
    assert sealed_with(resealed) == master_keys.configured()[0].id
    assert unseal(resealed, **TEMPLATE) == b"a template"
    settings.ENV = replace(settings.ENV, master_key=old)
    with pytest.raises(Unsealable):
        unseal(resealed, **TEMPLATE)


def test_a_running_process_seals_under_a_key_that_came_into_the_file(own_keys: Path):
    before = seal(b"a template", **TEMPLATE)
    master_keys.write((master_keys.new_key(), *master_keys.configured()))

    after = seal(b"a template", **TEMPLATE)

    assert sealed_with(before) != sealed_with(after)
    assert unseal(before, **TEMPLATE) == unseal(after, **TEMPLATE) == b"a template"


def test_a_running_process_opens_what_another_sealed_under_a_key_that_it_does_not_know_yet(own_keys: Path, settings):
    seal(b"so that the file has been read", **TEMPLATE)
    old, new = own_keys.read_text().strip(), fresh_key()
    file_keys = settings.ENV
    settings.ENV = replace(settings.ENV, master_key=new)
    sealed = seal(b"a template", **TEMPLATE)
    settings.ENV = file_keys
    seal(b"so that the old keys are held", **TEMPLATE)
    own_keys.write_text(f"{new},{old}\n")

    assert unseal(sealed, **TEMPLATE) == b"a template"


@pytest.mark.parametrize("fault", ["lost", "spoilt"])
def test_a_key_file_that_is_lost_while_running_leaves_the_process_its_keys(own_keys: Path, fault: str):
    sealed = seal(b"a template", **TEMPLATE)
    own_keys.unlink() if fault == "lost" else own_keys.write_text("half a ke")

    again = seal(b"another", **TEMPLATE)

    assert sealed_with(again) == sealed_with(sealed)
    assert unseal(sealed, **TEMPLATE) == b"a template"
    assert own_keys.exists() == (fault == "spoilt")


def test_the_key_file_is_for_its_owner_alone(own_keys: Path):
    master_keys.write((master_keys.new_key(), *master_keys.configured()))

    assert stat.S_IMODE(own_keys.stat().st_mode) == 0o600
    assert len(own_keys.read_text().strip().split(",")) == 2
    assert [path.name for path in own_keys.parent.iterdir()] == ["master.key"]


@pytest.mark.parametrize("text", ["not base64!", "AAAA", f"{KEY},AAAA", f"{KEY},"])
def test_what_is_no_key_is_refused_with_the_name_of_the_variable(settings, text: str):
    settings.ENV = replace(settings.ENV, master_key=text)

    with pytest.raises(ImproperlyConfigured, match="COSMIC_MASTER_KEY"):
        seal(b"a template", **TEMPLATE)


def test_sealing_needs_no_database():
    """This test has none: pytest-django refuses every query."""
    assert unseal(seal(b"a template", **TEMPLATE), **TEMPLATE) == b"a template"


def test_a_key_is_never_shown():
    key = master_keys.new_key()

    assert repr(key.secret)[2:-1] not in repr(key)


@pytest.mark.database
@pytest.mark.django_db
def test_digests_differ_by_purpose():
    assert keyed_digest(b"x", purpose="a") != keyed_digest(b"x", purpose="b")


@pytest.mark.database
@pytest.mark.django_db
def test_digests_and_seeds_from_before_the_root_secret_stay_right(settings):
    oldest = fresh_key()
    settings.ENV = replace(settings.ENV, master_key=f"{fresh_key()},{oldest}")
    digest_key, seed = (derived_as_before(oldest, info) for info in ("digest:a", "seed:rotation:3"))

    assert keyed_digest(b"x", purpose="a") == hmac.new(digest_key, b"x", hashlib.sha256).hexdigest()
    assert derived_seed("rotation:3") == int.from_bytes(seed[:16], "big")
    assert RootSecret.objects.get().pk == 1


@pytest.mark.database
@pytest.mark.django_db
def test_a_digest_is_refused_when_its_secret_does_not_open(settings):
    settings.ENV = replace(settings.ENV, master_key=fresh_key())
    keyed_digest(b"x", purpose="a")
    settings.ENV = replace(settings.ENV, master_key=fresh_key())

    with pytest.raises(Unsealable):
        keyed_digest(b"x", purpose="a")


def derived_as_before(key: str, info: str) -> bytes:
    """RFC 5869 straight on the master key, as it was done before there was a root secret."""
    derivation = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"cosmic:{info}".encode())
    return derivation.derive(master_keys.parse(key)[0].secret)
