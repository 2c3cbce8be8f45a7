"""Why a request would go where it goes, in full and without sending it."""

from __future__ import annotations

from typing import Any

from routing.decide import decide
from routing.decision import Decision
from routing.facts import Facts
from routing.segments import fact_of, holds
from routing.snapshot import Condition, Snapshot

SHARES = frozenset(("percent", "gain"))
"""Subjects whose values are basis points, and percent where people read them."""


def explain(snapshot: Snapshot, facts: Facts) -> dict[str, Any]:
    """The decision with everything that led to it, as JSON-able data.

    `bucket` and `key_source` are null where nothing was drawn; `weight` is in percent. `conditions` are
    those that were looked at: the segments' before the chosen one, and its own. Raises what `decide` raises.
    """
    decision = decide(snapshot, facts)
    drawn = bool(decision.key_source)
    score = decision.difficulty
    return {
        "route": decision.route.name,
        "segment": decision.segment.name,
        "variant": decision.variant.name,
        "model": decision.variant.model,
        "reason": decision.reason,
        "bucket": decision.bucket if drawn else None,
        "weight": decision.weight / 100,
        "key_source": decision.key_source if drawn else None,
        "difficulty": {
            "score": score.value,
            "source": score.source,
            "stratum": score.stratum,
            "task": None,
            "threshold": None,
            "contributions": [],
        },
        "conditions": _conditions(decision, facts),
        "fallbacks": [variant.name for variant in decision.fallbacks],
        "shadow": _shadow(decision),
        "revision": snapshot.revision,
    }


def _conditions(decision: Decision, facts: Facts) -> list[dict[str, Any]]:
    """One entry for every condition up to the chosen segment."""
    route, score = decision.route, decision.difficulty
    segments = route.segments[: route.segments.index(decision.segment) + 1]
    return [
        {
            "segment": segment.name,
            "condition": written(condition),
            "value": _readable(condition, fact_of(condition, route, facts, score)),
            "held": holds(condition, route, facts, score),
        }
        for segment in segments
        for condition in segment.conditions
    ]


def _shadow(decision: Decision) -> dict[str, Any] | None:
    """Who gets copies of such requests, and of how many in a hundred; null for nobody."""
    shadow = decision.segment.shadow
    if shadow is None or decision.reason == "pinned":
        return None
    return {"variant": shadow.variant.name, "percent": shadow.share / 100}


def written(condition: Condition) -> str:
    """A condition as text: `difficulty gte 2500`, `metadata.tier in [gold, silver]`."""
    subject = f"{condition.subject}.{condition.name}" if condition.name else condition.subject
    value = condition.value
    many = isinstance(value, tuple)
    values = [_word(condition, one) for one in (value if many else (value,))]
    return f"{subject} {condition.operator} {'[' + ', '.join(values) + ']' if many else values[0]}"


def _word(condition: Condition, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    value = _readable(condition, value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _readable(condition: Condition, value: Any) -> Any:
    return value / 100 if condition.subject in SHARES and value is not None else value
