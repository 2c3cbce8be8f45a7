"""Signatures: what passes, what does not, and how keys rotate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.base import Document, Entry, Lease, Tampered
from gateway.store.envelope import Envelope
from gateway.store.signature import Signer

OLD, NEW = b"o" * 32, b"n" * 32
old, both, new = Signer((OLD,)), Signer((NEW, OLD)), Signer((NEW,))


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_no_changed_byte_passes(place: int, other: bytes) -> None:
    signed = old.sign("document a/b", {"weight": 10})
    place %= len(signed)
    changed = signed[:place] + other + signed[place + 1 :]
    if changed != signed:
        with pytest.raises(Tampered):
            old.open("document a/b", changed)


def test_a_signature_is_for_one_subject_and_one_key() -> None:
    signed = old.sign("document a/b", {"weight": 10})
    assert old.open("document a/b", signed) == {"weight": 10}
    for signer, subject in ((old, "document a/c"), (old, "entry a/b"), (new, "document a/b")):
        with pytest.raises(Tampered):
            signer.open(subject, signed)
    assert both.open("document a/b", signed) == {"weight": 10}


def test_equal_bodies_have_equal_signatures() -> None:
    assert old.sign("s", {"a": 1, "b": 2}) == old.sign("s", {"b": 2, "a": 1})


def test_what_an_old_key_signed_is_renewed() -> None:
    signed = old.sign("s", "é")
    renewed = both.renewed("s", signed)
    assert renewed is not None
    assert new.open("s", renewed) == "é"
    assert both.renewed("s", renewed) is None
    assert new.renewed("s", signed) is None
    assert both.renewed("another", signed) is None


def test_keys_do_not_show() -> None:
    signed = old.sign("s", {})
    assert OLD not in signed and OLD.hex().encode() not in signed


def test_a_peek_reads_what_strangers_wrote_and_says_so() -> None:
    assert new.peek("s", old.sign("s", {"a": 1})) == ({"a": 1}, False)
    assert old.peek("s", old.sign("s", {"a": 1})) == ({"a": 1}, True)
    assert old.peek("s", b"junk") == (None, False)


def test_a_document_under_another_revision_is_refused() -> None:
    envelope = Envelope(old)
    stored = envelope.document("a/b", Document(3, {"weight": 1}), 0, Lease("leader", "me", 9))
    assert envelope.open_document("a/b", stored) == Document(3, {"weight": 1}, fence=9)
    with pytest.raises(Tampered, match="wrong revision"):
        envelope.open_document("a/b", b"4" + stored[1:])
    assert Envelope.revision(None) == Envelope.revision(b"x") == 0
    assert Envelope.revision(stored) == 3


def test_an_entry_that_cannot_be_read_is_still_an_entry() -> None:
    envelope = Envelope(old)
    assert envelope.open_entry("a/b", b"junk") == Entry(0, {}, authentic=False)
    assert envelope.open_entry("a/b", envelope.entry("a/b", Entry(5, {"x": 1}))).authentic
