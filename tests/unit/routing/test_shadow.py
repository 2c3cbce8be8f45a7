"""Shadows: whose requests are copied, and what a copy asks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.decide import decide
from routing.decision import Decision
from routing.facts import Facts
from routing.shadow import STREAMED, copied, copy_of
from routing.snapshot import Fixed, Shadow
from routing.sticky import bucket
from tests.unit.routing.made import (
    BASE,
    GEMINI,
    TUNED,
    facts,
    key,
    rollout,
    route,
    segment,
    snapshot,
    variant,
)

SALT = b"shadow" * 5


def shadow(share: int = 10_000, **fields: Any) -> Shadow:
    return Shadow(**{"variant": GEMINI, "share": share, "salt": SALT, "concurrency": 8, **fields})


def decided(asked: Facts, its: Shadow | None) -> Decision:
    return decide(snapshot(route(segment(Fixed(BASE), shadow=its), fallbacks=(TUNED, GEMINI))), asked)


nonces = st.binary(min_size=12, max_size=12)


@given(nonces, st.integers(0, 10_000))
def test_a_requests_own_lot_decides(nonce: bytes, share: int) -> None:
    asked, its = facts(nonce=nonce, user="always the same"), shadow(share)
    chosen = copied(decided(asked, its), asked, "base")
    assert chosen is (its if bucket(SALT, nonce) < share else None)


@given(nonces, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_larger_share_copies_all_that_a_smaller_one_does(nonce: bytes, one: int, other: int) -> None:
    asked, (low, high) = facts(nonce=nonce), sorted((one, other))
    if copied(decided(asked, shadow(low)), asked, "base"):
        assert copied(decided(asked, shadow(high)), asked, "base")


@given(nonces)
def test_the_decision_does_not_depend_on_it(nonce: bytes) -> None:
    asked = facts(nonce=nonce, metadata={"rating": "2700"})
    with_it = decide(snapshot(route(segment(rollout(5_000), shadow=shadow()))), asked)
    without = decide(snapshot(route(segment(rollout(5_000)))), asked)
    assert (with_it.variant, with_it.bucket, with_it.compared) == (
        without.variant, without.bucket, without.compared,
    )  # fmt: skip


def test_who_is_not_copied() -> None:
    asked = facts()
    assert copied(decided(asked, None), asked, "base") is None
    assert copied(decided(asked, shadow()), asked, "gemini") is None, "it has answered already"
    assert copied(decided(asked, shadow()), asked, "tuned")
    pinned = facts(headers={"x-headgate-variant": b"base"}, caller=key("pin"))
    assert copied(decided(pinned, shadow()), pinned, "base") is None
    unable = shadow(variant=variant("gemini", endpoints=frozenset(("chat",))))
    asked = facts(endpoint="completions", prompt="hi")
    assert copied(decided(asked, unable), asked, "base") is None
    assert copied(decided(asked, shadow()), asked, "base")


@pytest.mark.parametrize(
    "kept",
    [
        {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}, {"conversation": {"id": "conv_1"}},
        {"background": True},
    ],
)  # fmt: skip
def test_what_an_upstream_keeps_is_not_copied(kept: dict[str, Any]) -> None:
    asked = facts(endpoint="responses", input="hi", **kept)
    assert copied(decided(asked, shadow()), asked, "base") is None
    asked = facts(endpoint="responses", input="hi", **dict.fromkeys(kept))
    assert copied(decided(asked, shadow()), asked, "base")


fields = st.sampled_from((*STREAMED, "store", "metadata", "temperature", "messages", "anything"))
bodies = st.dictionaries(fields, st.none() | st.booleans() | st.integers() | st.text())


@given(bodies, st.sampled_from(("chat", "completions", "responses")))
def test_a_copy_is_whole_and_stored_nowhere(body: dict[str, Any], endpoint: str) -> None:
    before = dict(body)
    copy = copy_of(body, endpoint)
    assert body == before
    assert STREAMED.isdisjoint(copy)
    assert copy.get("store") is (False if endpoint == "responses" else None)
    rest = STREAMED | {"store"}
    assert {name: copy[name] for name in copy.keys() - rest} == {
        name: body[name] for name in body.keys() - rest
    }
