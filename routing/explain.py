"""Why a request would go where it goes, in full and without sending it."""

from __future__ import annotations

from typing import Any

from routing.decide import decide
from routing.decision import Decision
from routing.difficulty.score import ESTIMATE, contributions, on_scale
from routing.facts import Facts
from routing.segments import fact_of, holds
from routing.snapshot import Condition, Difficulty, Route, Snapshot

SHARES = frozenset(("percent", "gain"))
"""Subjects whose values are basis points, and percent where people read them."""


def explain(snapshot: Snapshot, facts: Facts) -> dict[str, Any]:
    """The decision with everything that led to it, as JSON-able data.

    `bucket` and `key_source` are null where nothing was drawn; `weight` is in percent. `conditions` are
    those that were looked at: the segments' before the chosen one, and its own. Contributions sum to the
    score; both, the threshold and what a `gain` condition looks at are on the route's scale. Raises what
    `decide` raises.
    """
    decision = decide(snapshot, facts)
    drawn = bool(decision.key_source)
    return {
        "route": decision.route.name,
        "segment": decision.segment.name,
        "variant": decision.variant.name,
        "model": decision.variant.model,
        "reason": decision.reason,
        "bucket": decision.bucket if drawn else None,
        "weight": decision.weight / 100,
        "key_source": decision.key_source if drawn else None,
        "difficulty": _difficulty(decision, facts),
        "conditions": _conditions(decision, facts),
        "fallbacks": [variant.name for variant in decision.fallbacks],
        "shadow": _shadow(decision),
        "revision": snapshot.revision,
    }


def _difficulty(decision: Decision, facts: Facts) -> dict[str, Any]:
    """The difficulty and what it is made of; the threshold is that of the first `gain` condition.

    `reason` is there when something could not be had: `rating_invalid`, `no_text`, `no_model` or `failed`;
    `model`, the hash of what estimates, where something does.
    """
    difficulty, score = decision.route.difficulty, decision.difficulty
    estimator, parts = difficulty.estimator, []
    threshold = None
    if estimator is not None:
        for top in difficulty.gains[:1]:
            threshold = difficulty.thresholds.get((score.task, top))
        if score.source == ESTIMATE and score.value is not None:
            parts = contributions(difficulty, estimator, facts.body, score.value)
    told = {
        "score": score.value,
        "source": score.source,
        "stratum": score.stratum,
        "task": score.task or None,
        "threshold": _on_scale(difficulty, threshold),
        "contributions": [part._asdict() for part in parts],
    }
    reason = score.reason or ("rating_invalid" if score.invalid else "")
    if reason:
        told["reason"] = reason
    if estimator is not None:
        told["model"] = estimator.hash or None
    return told


def _on_scale(difficulty: Difficulty, figure: float | None) -> float | None:
    """An estimator's figure as people read it."""
    if figure is None or difficulty.estimator is None:
        return None
    return on_scale(difficulty, difficulty.estimator, figure)


def _conditions(decision: Decision, facts: Facts) -> list[dict[str, Any]]:
    """One entry for every condition up to the chosen segment."""
    route, score = decision.route, decision.difficulty
    segments = route.segments[: route.segments.index(decision.segment) + 1]
    return [
        {
            "segment": segment.name,
            "condition": written(condition),
            "value": _shown(condition, route, fact_of(condition, route, facts, score)),
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


def _shown(condition: Condition, route: Route, value: Any) -> Any:
    """What a condition looked at, as people read it."""
    if condition.subject == "gain":
        return _on_scale(route.difficulty, value)
    return _readable(condition, value)


def _word(condition: Condition, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    value = _readable(condition, value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _readable(condition: Condition, value: Any) -> Any:
    """A configured value, or a bucket."""
    return value / 100 if condition.subject in SHARES and value is not None else value
