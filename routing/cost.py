"""What an answer used and what that costs."""

from __future__ import annotations

from typing import Any, NamedTuple

from routing.snapshot import Price

MAX_TOKENS = 2**48
"""Counts above it are garbage, and would leave the range in which floats are exact."""


class Usage(NamedTuple):
    """Tokens by disjoint type: they sum to the total."""

    input: int
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0


def usage_of(usage: Any) -> Usage | None:
    """Reads an upstream's usage object; None for what is not one, never an exception.

    Understands the names of chat completions (`prompt_tokens`, which includes cached ones, and
    `completion_tokens`, which includes reasoning) and of responses (`input_tokens`, `output_tokens`). Where
    the total exceeds their sum, as on Google's compatible endpoint, the excess is reasoning that
    comes on top.
    """
    if type(usage) is not dict:
        return None
    if "prompt_tokens" in usage:
        names = _CHAT
    elif "input_tokens" in usage:
        names = _RESPONSES
    else:
        return None
    prompt = _count(usage.get(names[0]))
    completion = _count(usage.get(names[1]))
    total = _count(usage.get("total_tokens"))
    if prompt is None or completion is None or total is None:
        return None
    cached = _detail(usage.get(names[2]), "cached_tokens", prompt)
    excess = total - prompt - completion
    if excess > 0:
        return Usage(prompt - cached, cached, completion, excess)
    reasoning = _detail(usage.get(names[3]), "reasoning_tokens", completion)
    return Usage(prompt - cached, cached, completion - reasoning, reasoning)


_CHAT = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_RESPONSES = ("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")


def cost_usd(usage: Usage, price: Price) -> float:
    """What the upstream charges for one answer, in USD; reasoning is charged as output."""
    return (
        usage.input * price.input
        + usage.cached_input * price.cached_input
        + (usage.output + usage.reasoning) * price.output
        + price.request
    )


def _count(value: Any) -> int | None:
    """A token count; left out or null means none, anything but a count is garbage."""
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def _detail(details: Any, name: str, whole: int) -> int:
    """A part of `whole`, 0 when it is not told, and never more than the whole."""
    if type(details) is not dict:
        return 0
    return min(_count(details.get(name)) or 0, whole)
