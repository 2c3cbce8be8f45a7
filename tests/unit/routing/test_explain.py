"""Explanations: exactly the decision, with what led to it."""

from __future__ import annotations

import json

import pytest

from routing.decide import decide
from routing.errors import UnknownModel
from routing.explain import explain, written
from routing.snapshot import Condition, Fixed, Shadow
from tests.unit.routing.made import BASE, GEMINI, HARD, facts, key, rollout, route, segment, snapshot


def test_a_rollout_explained() -> None:
    asked = facts(user="u", metadata={"rating": "2700"})
    decision = decide(snapshot(), asked)
    explanation = explain(snapshot(), asked)
    assert explanation == {
        "route": "solver",
        "segment": "hard",
        "variant": decision.variant.name,
        "model": decision.variant.model,
        "reason": "rollout",
        "bucket": decision.bucket,
        "weight": decision.weight / 100,
        "key_source": "user",
        "difficulty": {
            "score": 2700.0, "source": "metadata.rating", "stratum": "2200-2800", "task": None,
            "threshold": None, "contributions": [],
        },
        "conditions": [
            {"segment": "hard", "condition": "difficulty gte 2500", "value": 2700.0, "held": True}
        ],
        "fallbacks": [each.name for each in decision.fallbacks],
        "shadow": None,
        "revision": 3,
    }  # fmt: skip
    assert json.loads(json.dumps(explanation)) == explanation


def test_where_nothing_is_drawn() -> None:
    explanation = explain(snapshot(), facts())
    assert (explanation["bucket"], explanation["key_source"], explanation["weight"]) == (None, None, 100.0)
    assert explanation["conditions"] == [
        {"segment": "hard", "condition": "difficulty gte 2500", "value": None, "held": False}
    ]


def test_conditions_up_to_the_chosen_segment() -> None:
    table = snapshot(
        route(
            segment(Fixed(BASE), HARD, Condition("metadata", "tier", "eq", "gold"), name="first"),
            segment(rollout(), Condition("percent", "", "lt", 10_000, b"p"), name="second"),
            segment(Fixed(GEMINI), Condition("language", "", "eq", "ko"), name="third"),
            segment(Fixed(GEMINI), name="last"),
        )
    )
    explanation = explain(table, facts(user="u", metadata={"tier": "gold", "rating": 900}))
    assert [(each["segment"], each["held"]) for each in explanation["conditions"]] == [
        ("first", False), ("first", True), ("second", True),
    ]  # fmt: skip
    assert 0 <= explanation["conditions"][2]["value"] < 100


def test_pins_and_direct_models() -> None:
    pinned = facts(headers={"x-headgate-variant": b"base"}, caller=key("pin"))
    assert explain(snapshot(), pinned)["reason"] == "pinned"
    with pytest.raises(UnknownModel):
        explain(snapshot(), facts("sim/gpt"))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition("metadata", "tier", "in", ("gold", 7)), "metadata.tier in [gold, 7]"),
        (Condition("header", "x-a", "exists", False), "header.x-a exists false"),
        (Condition("metadata", "paid", "eq", True), "metadata.paid eq true"),
        (Condition("percent", "", "lt", 2_050), "percent lt 20.5"),
        (Condition("gain", "", "top", 2_000), "gain top 20"),
        (Condition("tokens", "", "lte", 0.5), "tokens lte 0.5"),
    ],
)
def test_conditions_as_text(condition: Condition, text: str) -> None:
    assert written(condition) == text


def test_a_shadow_is_told() -> None:
    shadow = Shadow(GEMINI, 250, b"s" * 32, 8)
    table = snapshot(route(segment(Fixed(BASE), shadow=shadow)))
    assert explain(table, facts())["shadow"] == {"variant": "gemini", "percent": 2.5}
    pinned = facts(headers={"x-headgate-variant": b"base"}, caller=key("pin"))
    assert explain(table, pinned)["shadow"] is None
