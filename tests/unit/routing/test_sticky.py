"""Sticky keys and the lots that they draw."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.errors import InvalidStickyKey
from routing.sticky import bucket, check_key, draw, sticky_key
from tests.unit.routing.made import NONCE, facts, route

SOURCES = route().sticky
LONG = "Given an array of n integers, find the longest one."


def test_sources_are_asked_in_order() -> None:
    body = {"metadata": {"headgate_key": "m"}, "safety_identifier": "s", "user": "u"}
    asked = facts(headers={"x-headgate-key": b"h"}, **body)
    assert sticky_key(SOURCES, asked) == (b"h", "header")
    assert sticky_key(SOURCES[1:], asked) == (b"m", "metadata.headgate_key")
    assert sticky_key(SOURCES[2:], asked) == (b"s", "safety_identifier")
    assert sticky_key(SOURCES[3:], asked) == (b"u", "user")
    assert sticky_key(SOURCES[4:], asked) == (NONCE, "request")


def test_no_sources_randomise_every_request() -> None:
    assert sticky_key((), facts(user="u")) == (NONCE, "request")


@pytest.mark.parametrize("metadata", [None, [], "x", {}, {"headgate_key": ""}, {"headgate_key": 7}])
def test_what_is_not_a_text_is_no_key(metadata: object) -> None:
    asked = facts(headers={"x-headgate-key": b""}, metadata=metadata, user=["u"])
    assert sticky_key(SOURCES, asked) == (NONCE, "request")


def conversation(*messages: tuple[str, object], **body: object) -> tuple[bytes, str]:
    turns = [{"role": role, "content": content} for role, content in messages]
    return sticky_key(("conversation",), facts(messages=turns, **body))


def test_a_conversation_keeps_its_key_as_it_grows() -> None:
    first = conversation(("system", "Solve."), ("user", LONG))
    assert first[1] == "conversation"
    assert first == conversation(
        ("system", "Solve."), ("user", LONG), ("assistant", "Which?"), ("user", "Any.")
    )
    assert first == conversation(("developer", "Solve."), ("user", [{"type": "text", "text": LONG}]))
    assert first == sticky_key(("conversation",), facts(messages=None, instructions="Solve.", input=LONG))


def test_conversations_differ_by_prompt_and_opening() -> None:
    keys = {
        conversation(("system", "Solve."), ("user", LONG)),
        conversation(("system", "Explain."), ("user", LONG)),
        conversation(("user", LONG)),
        conversation(("user", LONG + "!")),
    }
    assert len(keys) == 4
    greeting = ("assistant", "Hello, what can I do for you today? Ask me.")
    assert conversation(greeting, ("user", LONG)) == conversation(("user", LONG))


@pytest.mark.parametrize("messages", [[("user", "hi there")], [("system", LONG)], [("user", None)], []])
def test_short_openings_tell_no_conversation(messages: list[tuple[str, object]]) -> None:
    assert conversation(*messages) == (NONCE, "request")


def test_bucket_is_the_documented_hash() -> None:
    digest = blake2b("여보세요".encode(), key=b"salt").digest()
    assert bucket(b"salt", "여보세요".encode()) == int.from_bytes(digest[:8], "big") % 10_000


@given(st.binary(max_size=64), st.binary(max_size=600))
def test_lots_are_pure_and_in_range(salt: bytes, sticky: bytes) -> None:
    assert bucket(salt, sticky) == bucket(salt, sticky)
    assert 0 <= bucket(salt, sticky) < 10_000
    assert draw(salt, sticky)[0] == bucket(salt, sticky)
    assert 0 <= draw(salt, sticky)[1] < 2**64


def test_unit_and_bucket_are_independent_of_each_other() -> None:
    lot, unit = draw(b"s", b"k")
    assert unit % 10_000 != lot
    assert unit != draw(b"t", b"k")[1]


@pytest.mark.parametrize("header", [b"", b"a", "한국어".encode(), b"x" * 512])
def test_header_keys_that_are_taken(header: bytes) -> None:
    check_key(header)


@pytest.mark.parametrize("header", [b"x" * 513, b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_header_keys_that_are_refused(header: bytes) -> None:
    with pytest.raises(InvalidStickyKey, match="at most 512 bytes") as refused:
        check_key(header)
    assert refused.value.param == "x-headgate-key"
