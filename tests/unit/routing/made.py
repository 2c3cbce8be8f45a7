"""Small routing tables and requests, made for tests."""

from __future__ import annotations

from typing import Any

from routing.decision import Score
from routing.facts import Facts
from routing.home import Home
from routing.snapshot import (
    ENDPOINTS,
    Condition,
    Difficulty,
    Fixed,
    Key,
    Rollout,
    Route,
    Segment,
    Snapshot,
    Variant,
)

SALT = b"salt" * 8
UNIT_KEY = b"unit" * 8
NONCE = b"nonce-nonce-"


def variant(name: str, model: str = "", endpoints: frozenset[str] = ENDPOINTS) -> Variant:
    return Variant(name, sum(name.encode()), "upstream", model or f"{name}-model", endpoints=endpoints)


BASE, TUNED, GEMINI = variant("base"), variant("tuned"), variant("gemini")
VARIANTS = {each.name: each for each in (BASE, TUNED, GEMINI)}

HARD = Condition("difficulty", "", "gte", 2500.0)


def segment(assignment: Any, *conditions: Condition, name: str = "all", **fields: Any) -> Segment:
    return Segment(name, sum(name.encode()), conditions, assignment, **fields)


def rollout(weight: int = 1000, **fields: Any) -> Rollout:
    return Rollout(BASE, TUNED, weight, SALT, **fields)


SOLVER = (segment(rollout(), HARD, name="hard"), segment(Fixed(GEMINI), name="ordinary"))


def route(*segments: Segment, **fields: Any) -> Route:
    made: dict[str, Any] = {
        "name": "solver",
        "hash": 77,
        "names": ("gpt-5",),
        "variants": VARIANTS,
        "segments": segments or SOLVER,
        "fallbacks": (BASE, GEMINI),
        "sticky": ("header", "metadata.headgate_key", "safety_identifier", "user", "conversation"),
        "difficulty": Difficulty(
            sources=(("header", ""), ("metadata.rating", "rating")), strata=(1600, 2200, 2800)
        ),
    }
    return Route(**{**made, **fields})


def snapshot(*routes: Route, **fields: Any) -> Snapshot:
    known = routes or (route(),)
    return Snapshot(
        revision=3,
        routes={each.name: each for each in known},
        names={name: each for each in known for name in (each.name, *each.names)},
        upstreams={},
        keys={},
        **fields,
    )


def key(*scopes: str, routes: frozenset[str] | None = None) -> Key:
    return Key("judge-1", "judge", 99, frozenset(("chat", *scopes)), routes)


def facts(
    model: str = "solver",
    *,
    headers: dict[str, bytes] | None = None,
    endpoint: str = "chat",
    caller: Key | None = None,
    nonce: bytes = NONCE,
    home: Home | None = None,
    **body: Any,
) -> Facts:
    raw = {name.encode(): value for name, value in (headers or {}).items()}
    content = {"model": model, "messages": [{"role": "user", "content": "hi"}], **body}
    return Facts(endpoint, model, caller or key(), raw, content, nonce, home)


def spread(score: Score) -> tuple[object, ...]:
    """All that a score says, in the order in which it is made."""
    return (
        score.value, score.source, score.stratum, score.stratum_index, score.invalid, score.task, score.gain,
        score.reason,
    )  # fmt: skip
