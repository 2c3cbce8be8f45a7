"""Follow-ups: what follows a stored response is served where that was made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from routing.assign import bounds_of
from routing.decide import decide
from routing.errors import UnknownResponse, UnsupportedEndpoint
from routing.facts import Facts
from routing.home import Home, decode, encode, name_of
from routing.snapshot import Fixed, Rollout, Snapshot, Variant, Weights
from routing.sticky import sticky_key
from tests.unit.routing.made import NONCE, SALT, facts, key, route, segment, snapshot

HERE, THERE = Variant("here", 1, "left", "a"), Variant("there", 2, "right", "b")
NEAR = Variant("near", 3, "left", "c")
EVERY = {each.name: each for each in (HERE, THERE, NEAR)}


def home(variant: str = "here", upstream: str = "left", thread: bytes = b"thread") -> Home:
    return Home(99, "solver", variant, upstream, thread)


def following(its: Home | None = None, **fields: Any) -> Facts:
    return facts(endpoint="responses", home=its or home(), **fields)


def table(assignment: Any, *fallbacks: Variant) -> Snapshot:
    return snapshot(route(segment(assignment), variants=EVERY, fallbacks=fallbacks))


def test_a_home_travels_and_a_name_tells_nothing() -> None:
    assert decode(encode(home())) == home()
    assert len(name_of("resp_1")) == 16 and name_of("resp_1") != name_of("resp_2")
    assert b"resp" not in name_of("resp_\ud800")
    with pytest.raises(msgspec.DecodeError):
        decode(b"\x01")


def test_all_at_home_changes_nothing() -> None:
    decision = decide(table(Weights(bounds_of([(5_000, HERE), (5_000, NEAR)]), SALT), THERE), following())
    assert (decision.reason, decision.key_source, decision.fallbacks) == ("weights", "conversation", ())


@pytest.mark.parametrize("weight", [0, 1, 5_000, 10_000])
def test_a_variant_elsewhere_is_skipped(weight: int) -> None:
    for plan in (Rollout(HERE, THERE, weight, SALT), Rollout(THERE, HERE, weight, SALT)):
        decision = decide(table(plan), following())
        assert decision.variant is HERE
    decision = decide(table(Rollout(HERE, THERE, 5_000, SALT), THERE, NEAR), following())
    assert (decision.reason, decision.compared, decision.fallbacks) == ("unsupported", "none", (NEAR,))


def test_without_one_in_the_segment_the_maker_serves_then_a_fallback() -> None:
    assert decide(table(Fixed(THERE), NEAR), following()).variant is HERE
    gone = home("gone")
    assert decide(table(Fixed(THERE), NEAR), following(gone)).variant is NEAR
    moved = home("there")  # the variant has been given another upstream since
    assert decide(table(Fixed(THERE), NEAR), following(moved)).variant is NEAR
    with pytest.raises(UnknownResponse):
        decide(table(Fixed(THERE), THERE), following(gone))


def test_the_callers_own_choice_must_be_there() -> None:
    pinned = following(caller=key("pin"), headers={"x-headgate-variant": b"there"})
    with pytest.raises(UnknownResponse):
        decide(table(Fixed(HERE)), pinned)
    direct = snapshot(direct={"right": route(segment(Fixed(THERE)), name="right/*")})
    with pytest.raises(UnknownResponse):
        decide(direct, following(model="right/b", caller=key("direct")))
    found = decide(direct, following(home("right/*", "right"), model="right/b", caller=key("direct")))
    assert found.variant.model == "b"


def test_no_home_is_no_reason() -> None:
    chat_only = Variant("here", 1, "left", "a", endpoints=frozenset(("chat",)))
    with pytest.raises(UnsupportedEndpoint):
        decide(table(Fixed(chat_only)), facts(endpoint="responses"))


def test_a_conversation_has_the_key_of_its_beginning() -> None:
    sources = ("user", "conversation")
    assert sticky_key(sources, following(input="and?")) == (b"thread", "conversation")
    assert sticky_key(sources, following(user="u")) == (b"u", "user")


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}])
def test_a_conversation_that_the_upstream_keeps(conversation: object) -> None:
    def asked(endpoint: str = "responses", nonce: bytes = NONCE) -> tuple[bytes, str]:
        fields = {"messages": None, "input": "and?", "conversation": conversation}
        return sticky_key(("conversation",), facts(endpoint=endpoint, nonce=nonce, **fields))

    key, source = asked()
    assert source == "conversation" and key != NONCE and b"conv_1" not in key
    assert asked(nonce=b"x")[0] == key
    assert asked(endpoint="chat")[1] == "request"


@pytest.mark.parametrize("conversation", [None, "", 7, {}, {"id": None}, []])
def test_what_is_no_conversation(conversation: object) -> None:
    asked = facts(endpoint="responses", messages=None, input="and?", conversation=conversation)
    assert sticky_key(("conversation",), asked)[1] == "request"
