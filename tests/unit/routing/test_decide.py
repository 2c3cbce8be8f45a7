"""Decisions: from a model's name to a variant and what follows it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.assign import bounds_of, weighted
from routing.decide import decide
from routing.errors import ForbiddenPin, InvalidStickyKey, UnknownModel, UnknownVariant, UnsupportedEndpoint
from routing.snapshot import BASIS_POINTS, Cascade, Fixed, Weights
from routing.sticky import bucket, draw
from tests.unit.routing.made import (
    BASE,
    GEMINI,
    HARD,
    NONCE,
    SALT,
    TUNED,
    facts,
    key,
    rollout,
    route,
    segment,
    snapshot,
    spread,
    variant,
)

CHAT = frozenset(("chat",))
KEYS = [f"user-{number}" for number in range(400)]


def only(assignment: object, **fields: object):
    return snapshot(route(segment(assignment), **fields))


# ── the model ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["solver", "gpt-5"])
def test_a_route_answers_to_its_names(model: str) -> None:
    decision = decide(snapshot(), facts(model))
    assert decision.route.name == "solver"
    assert (decision.segment.name, decision.variant, decision.reason) == ("ordinary", GEMINI, "variant")
    assert (decision.bucket, decision.weight, decision.key_source, decision.unit) == (0, BASIS_POINTS, "", 0)
    assert decision.compared == "none"


@pytest.mark.parametrize("model", ["", "Solver", "solver ", "sim/gpt", "solver/base", "../solver", "a\r\nb"])
def test_unknown_models(model: str) -> None:
    with pytest.raises(UnknownModel):
        decide(snapshot(), facts(model, caller=key("direct")))


def test_a_key_sees_its_own_routes_only() -> None:
    assert decide(snapshot(), facts(caller=key(routes=frozenset({"solver"})))).variant is GEMINI
    with pytest.raises(UnknownModel) as refused:
        decide(snapshot(), facts("gpt-5", caller=key(routes=frozenset({"reviews"}))))
    assert refused.value.param == "model"


def direct_snapshot():
    placeholder = variant("sim/*", endpoints=CHAT)
    return snapshot(
        direct={
            "sim": route(segment(Fixed(placeholder), sample=0), name="sim/*", variants={"sim/*": placeholder})
        }
    )


def test_an_upstreams_model_directly() -> None:
    decision = decide(direct_snapshot(), facts("sim/meta/llama-3.1", caller=key("direct")))
    assert decision.reason == "direct"
    assert decision.variant.model == "meta/llama-3.1"
    assert (decision.route.name, decision.variant.name) == ("sim/*", "sim/*")
    assert decision.fallbacks == () and decision.compared == "none" and not decision.wants_outcome


@pytest.mark.parametrize(
    "model", ["sim/", "sim", "other/gpt", "sim/a b", "sim/a\r\nx: y", "sim/" + "a" * 257]
)
def test_direct_models_that_are_refused(model: str) -> None:
    with pytest.raises(UnknownModel):
        decide(direct_snapshot(), facts(model, caller=key("direct")))


def test_direct_needs_its_scope_and_knows_no_variants() -> None:
    with pytest.raises(UnknownModel):
        decide(direct_snapshot(), facts("sim/gpt"))
    pinned = facts("sim/gpt", headers={"x-headgate-variant": b"base"}, caller=key("direct", "pin"))
    with pytest.raises(UnknownVariant):
        decide(direct_snapshot(), pinned)
    with pytest.raises(UnsupportedEndpoint):
        decide(direct_snapshot(), facts("sim/gpt", caller=key("direct"), endpoint="responses"))


# ── rollouts and weights ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("user", KEYS[:50])
def test_a_rollout_draws_by_key(user: str) -> None:
    decision = decide(only(rollout(4_000)), facts(user=user))
    lot = bucket(SALT, user.encode())
    assert decision.bucket == lot
    assert decision.variant is (TUNED if lot < 4_000 else BASE)
    assert decision.weight == (4_000 if lot < 4_000 else 6_000)
    assert (decision.reason, decision.key_source, decision.compared) == ("rollout", "user", "compared")
    assert decision.unit == draw(SALT, user.encode())[1]


@given(st.integers(0, BASIS_POINTS), st.integers(0, BASIS_POINTS), st.sampled_from(KEYS))
def test_raising_a_weight_only_moves_users_to_the_candidate(one: int, other: int, user: str) -> None:
    low, high = sorted((one, other))
    before = decide(only(rollout(low)), facts(user=user)).variant
    after = decide(only(rollout(high)), facts(user=user)).variant
    assert before is after or (before is BASE and after is TUNED)


def test_weight_0_and_10000() -> None:
    assert {decide(only(rollout(0)), facts(user=user)).variant.name for user in KEYS} == {"base"}
    assert {decide(only(rollout(BASIS_POINTS)), facts(user=user)).variant.name for user in KEYS} == {"tuned"}


def test_only_buckets_in_the_gap_are_compared() -> None:
    table = only(rollout(5_000, low=1_000, high=9_800))
    for user in KEYS:
        decision = decide(table, facts(user=user))
        expected = "compared" if 1_000 <= decision.bucket < 9_800 else "carried"
        assert decision.compared == expected


def test_without_a_key_every_request_draws_anew() -> None:
    lots = {decide(only(rollout()), facts(nonce=bytes([n]) * 12)).bucket for n in range(20)}
    assert len(lots) == 20
    assert decide(only(rollout()), facts()).key_source == "request"


def test_static_weights() -> None:
    bounds = bounds_of([(9_000, GEMINI), (0, TUNED), (1_000, BASE)])
    table = only(Weights(bounds, SALT))
    for user in KEYS:
        decision = decide(table, facts(user=user))
        assert decision.variant is (GEMINI if decision.bucket < 9_000 else BASE)
        assert decision.weight == (9_000 if decision.bucket < 9_000 else 1_000)
        assert (decision.reason, decision.compared) == ("weights", "none")


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=8).filter(any))
def test_weights_sum_to_the_whole(shares: list[int]) -> None:
    named = [(share, variant(f"v{at}")) for at, share in enumerate(shares)]
    bounds = bounds_of(named)
    cuts = [0, *(bound for bound, _ in bounds)]
    assert cuts[-1] == BASIS_POINTS
    assert sum(high - low for low, high in pairwise(cuts)) == BASIS_POINTS
    drawn = [weighted(Weights(bounds, SALT), lot) for lot in (0, 4_999, BASIS_POINTS - 1)]
    assert all(share > 0 for _, share in drawn)
    assert {each.name for each, _ in drawn} <= {each.name for share, each in named if share}


def test_a_cascade_begins_with_its_first_and_goes_on_with_its_second() -> None:
    decision = decide(only(Cascade(GEMINI, TUNED), fallbacks=(BASE, TUNED, GEMINI)), facts())
    assert (decision.variant, decision.reason) == (GEMINI, "cascade")
    assert decision.fallbacks == (TUNED, BASE)


def test_a_cascade_of_two_models_has_no_second_for_embeddings() -> None:
    twin = variant("twin", model="base-model")
    fields = {"variants": {each.name: each for each in (BASE, twin, GEMINI)}, "fallbacks": (GEMINI,)}
    asked = facts(endpoint="embeddings")
    assert decide(only(Cascade(BASE, GEMINI), **fields), asked).fallbacks == ()
    assert decide(only(Cascade(BASE, twin), **fields), asked).fallbacks == (twin,)


# ── keys, pins, outcomes ─────────────────────────────────────────────────────────────────────────────


def test_an_invalid_sticky_key_is_refused_even_where_nothing_is_drawn() -> None:
    with pytest.raises(InvalidStickyKey):
        decide(snapshot(), facts(headers={"x-headgate-key": b"\xff"}))
    assert decide(snapshot(), facts(headers={"x-headgate-key": b"me"})).variant is GEMINI


def test_pins() -> None:
    pin = {"x-headgate-variant": b"tuned"}
    decision = decide(only(rollout(0)), facts(headers=pin, caller=key("pin")))
    assert (decision.variant, decision.reason, decision.compared) == (TUNED, "pinned", "pinned")
    assert decision.fallbacks == (BASE, GEMINI)
    with pytest.raises(ForbiddenPin):
        decide(snapshot(), facts(headers=pin))
    for unknown in (b"", b"other", b"\xff", b"a\r\nb"):
        with pytest.raises(UnknownVariant) as refused:
            decide(snapshot(), facts(headers={"x-headgate-variant": unknown}, caller=key("pin")))
        assert refused.value.param == "x-headgate-variant"


def test_outcomes_are_wanted_of_a_sample() -> None:
    for sample, low, high in ((0, 0, 0), (BASIS_POINTS, 2_000, 2_000), (2_500, 400, 600)):
        table = snapshot(route(segment(Fixed(BASE), sample=sample, sample_salt=b"outcomes")))
        wanted = sum(
            decide(table, facts(nonce=number.to_bytes(12, "big"))).wants_outcome for number in range(2_000)
        )
        assert low <= wanted <= high


# ── fallbacks ────────────────────────────────────────────────────────────────────────────────────────


def test_fallbacks_follow_in_order_without_the_variant_itself() -> None:
    assert decide(only(Fixed(TUNED)), facts()).fallbacks == (BASE, GEMINI)
    assert decide(only(Fixed(BASE)), facts()).fallbacks == (GEMINI,)


def test_a_rolled_back_candidate_is_nobodys_fallback() -> None:
    segments = (
        segment(rollout(0, rolled_back=True), HARD, name="hard"),
        segment(Fixed(GEMINI), name="ordinary"),
    )
    for user in (None, "u"):
        assert decide(snapshot(route(*segments, fallbacks=(TUNED, BASE))), facts(user=user)).fallbacks == (
            BASE,
        )


# ── other endpoints ──────────────────────────────────────────────────────────────────────────────────


def test_endpoints_that_all_variants_serve_change_nothing() -> None:
    decision = decide(only(rollout()), facts(user="u", endpoint="responses"))
    assert decision.reason == "rollout"
    assert decision.bucket == bucket(SALT, b"u")


def test_a_variant_that_cannot_serve_the_endpoint_is_skipped() -> None:
    chat_only = variant("tuned", endpoints=CHAT)
    plan = rollout(BASIS_POINTS)
    skipped = type(plan)(BASE, chat_only, BASIS_POINTS, SALT)
    decision = decide(only(skipped, fallbacks=(chat_only, GEMINI)), facts(endpoint="responses"))
    assert (decision.variant, decision.reason, decision.compared) == (BASE, "unsupported", "none")
    assert decision.fallbacks == (GEMINI,)
    for weight, expected in ((0, GEMINI), (1, TUNED)):
        late = type(plan)(variant("base", endpoints=frozenset()), TUNED, weight, SALT)
        decision = decide(only(late, fallbacks=(GEMINI,)), facts(endpoint="responses"))
        assert decision.variant is expected
    decision = decide(only(Cascade(chat_only, GEMINI)), facts(endpoint="responses"))
    assert (decision.variant, decision.reason) == (GEMINI, "unsupported")


def test_the_rest_of_the_weights_keep_their_proportions() -> None:
    chat_only = variant("tuned", endpoints=CHAT)
    table = only(Weights(bounds_of([(5_000, chat_only), (4_000, BASE), (1_000, GEMINI)]), SALT))
    for user in KEYS:
        decision = decide(table, facts(user=user, endpoint="embeddings"))
        assert decision.variant is (BASE if decision.bucket < 8_000 else GEMINI)
        assert decision.reason == "unsupported"
    assert decide(table, facts(user="u")).reason == "weights"


def test_when_none_can_the_first_able_fallback_serves_or_nobody() -> None:
    chat_only = variant("tuned", endpoints=CHAT)
    asked = facts(endpoint="embeddings", caller=key("pin"))
    decision = decide(only(Fixed(chat_only), fallbacks=(chat_only, GEMINI, BASE)), asked)
    assert (decision.variant, decision.reason) == (GEMINI, "unsupported")
    with pytest.raises(UnsupportedEndpoint):
        decide(only(Fixed(chat_only), fallbacks=(chat_only,)), asked)
    pinned = facts(endpoint="embeddings", caller=key("pin"), headers={"x-headgate-variant": b"tuned"})
    with pytest.raises(UnsupportedEndpoint):
        decide(only(Fixed(BASE), variants={"tuned": chat_only, "base": BASE}), pinned)


def test_embeddings_fall_back_to_the_same_model_only() -> None:
    twin, other = variant("twin", model="base-model"), variant("other")
    fields = {"fallbacks": (other, twin), "variants": {each.name: each for each in (BASE, twin, other)}}
    assert decide(only(Fixed(BASE), **fields), facts(endpoint="embeddings")).fallbacks == (twin,)
    assert decide(only(Fixed(BASE), **fields), facts(endpoint="responses")).fallbacks == (other, twin)


def test_a_decision_is_a_pure_function() -> None:
    asked = facts(user="u", metadata={"rating": "2700"})
    one, other = decide(snapshot(), asked), decide(snapshot(), asked)
    assert (one.route, one.segment, one.variant, one.reason) == (
        other.route, other.segment, other.variant, other.reason,
    )  # fmt: skip
    assert (one.bucket, one.weight, one.unit, one.compared) == (
        other.bucket, other.weight, other.unit, other.compared,
    )  # fmt: skip
    assert (one.fallbacks, spread(one.difficulty)) == (other.fallbacks, spread(other.difficulty))
    assert asked.nonce == NONCE


def test_outside_the_comparison_all_else_stays() -> None:
    decision = decide(snapshot(), facts(user="u", metadata={"rating": "2700"}))
    apart = decision.outside("breaker", wants_outcome=False)
    assert (apart.compared, apart.wants_outcome) == ("breaker", False)
    assert (apart.variant, apart.reason, apart.bucket) == (decision.variant, decision.reason, decision.bucket)
    assert (apart.weight, apart.unit, apart.difficulty) == (
        decision.weight,
        decision.unit,
        decision.difficulty,
    )
