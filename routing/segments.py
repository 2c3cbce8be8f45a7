"""Segments: which slice of a route's traffic a request belongs to."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from routing.decision import Score
from routing.facts import Facts
from routing.language import language_of
from routing.number import number_of
from routing.snapshot import Condition, Route, Segment
from routing.sticky import bucket, sticky_key
from routing.text import estimated_tokens, last_user, parts

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "eq": eq, "ne": ne, "gt": gt, "gte": ge, "lt": lt, "lte": le,
}  # fmt: skip


def segment_of(route: Route, facts: Facts, score: Score) -> Segment:
    """The first segment whose conditions all hold; the last one takes whatever is left."""
    for segment in route.segments:
        for condition in segment.conditions:
            if not holds(condition, route, facts, score):
                break
        else:
            break
    return segment


def holds(condition: Condition, route: Route, facts: Facts, score: Score) -> bool:
    """Whether a condition holds; total, whatever the request carries.

    A fact that is not known fails its condition, `ne` and `exists: false` apart; an unknown difficulty
    fails even `ne`.
    """
    operator = condition.operator
    actual: Any
    if condition.subject == "difficulty":
        actual = score.value
        if actual is not None and operator in _ORDERS:
            return _ORDERS[operator](actual, condition.value)
    else:
        actual = fact_of(condition, route, facts, score)
    if operator == "exists":
        return (actual is not None) is condition.value
    if actual is None:
        return operator == "ne" and condition.subject != "difficulty"
    if operator == "top":
        threshold = route.difficulty.thresholds.get((score.task, condition.value))
        return threshold is not None and bool(actual >= threshold)
    if condition.subject == "has":
        return _has(operator, actual, condition.value)
    return _compares(operator, actual, condition.value)


def fact_of(condition: Condition, route: Route, facts: Facts, score: Score) -> Any:
    """What the condition looks at; None when it is not known."""
    subject = condition.subject
    if subject == "difficulty":
        return score.value
    if subject == "gain":
        return score.gain
    if subject == "percent":
        return bucket(condition.salt, sticky_key(route.sticky, facts)[0])
    reader = _READERS.get(subject)
    return None if reader is None else reader(facts, condition.name)


def _metadata(facts: Facts, name: str) -> Any:
    metadata = facts.body.get("metadata")
    return metadata.get(name) if type(metadata) is dict else None


def _header(facts: Facts, name: str) -> str | None:
    value = facts.headers.get(name.encode())
    return None if value is None else value.decode("utf-8", "replace")


def _tokens(facts: Facts, name: str) -> float:
    return float(estimated_tokens(facts.body))


def _language(facts: Facts, name: str) -> str | None:
    return language_of(last_user(facts.body))


def _application(facts: Facts, name: str) -> str:
    return facts.key.application


def _features(facts: Facts, name: str) -> tuple[str, ...] | None:
    """Which of `tools`, `images` and `json_schema` the request uses."""
    body = facts.body
    used = []
    if body.get("tools") or body.get("functions"):
        used.append("tools")
    if any(part.get("type") in ("image_url", "input_image") for part in parts(body)):
        used.append("images")
    text = body.get("text")
    form = text.get("format") if type(text) is dict else body.get("response_format")
    if type(form) is dict and form.get("type") == "json_schema":
        used.append("json_schema")
    return tuple(used) or None


_READERS: Final[dict[str, Callable[[Facts, str], Any]]] = {
    "metadata": _metadata,
    "header": _header,
    "tokens": _tokens,
    "language": _language,
    "application": _application,
    "has": _features,
}
"""Facts by subject that need nothing but the request."""


def _has(operator: str, features: tuple[str, ...], expected: Any) -> bool:
    if operator == "in":
        return any(feature in expected for feature in features)
    return (expected in features) is (operator == "eq")


def _compares(operator: str, actual: Any, expected: Any) -> bool:
    if operator == "in":
        return any(_compares("eq", actual, one) for one in expected)
    order = _ORDERS[operator]
    left, right = number_of(actual), number_of(expected)
    if left is not None and right is not None:
        return order(left, right)
    text, other = _text(actual), _text(expected)
    # "n/a" is neither above nor below 2500: only texts have an order of their own.
    if text is None or other is None or (right is not None and order not in (eq, ne)):
        return operator == "ne"
    return order(text, other)


def _text(value: Any) -> str | None:
    """A JSON scalar as text; None for what has no text to compare."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    return None if number_of(value) is None else repr(value)
