"""Sealing: what goes in comes out, and nothing else does."""

import pytest

from apps.identities.vault import Unsealable, keyed_digest, seal, unseal


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


def test_digests_differ_by_purpose():
    assert keyed_digest(b"x", purpose="a") != keyed_digest(b"x", purpose="b")
