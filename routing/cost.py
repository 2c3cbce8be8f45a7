"""What an answer used and what that costs."""

from __future__ import annotations

from typing import Any, Final

from routing.snapshot import Price

MAX_TOKENS: Final = 2**48
"""Counts above it are garbage, and would leave the range in which floats are exact."""


class Usage:
    """Tokens by disjoint type: they sum to the total."""

    def __init__(self, input: int, cached_input: int = 0, output: int = 0, reasoning: int = 0) -> None:
        self.input = input
        self.cached_input = cached_input
        self.output = output
        self.reasoning = reasoning

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usage) and self.by_type() == other.by_type()

    def plus(self, other: Usage) -> Usage:
        """What two answers used together."""
        return Usage(
            self.input + other.input, self.cached_input + other.cached_input,
            self.output + other.output, self.reasoning + other.reasoning,
        )  # fmt: skip

    def by_type(self) -> tuple[int, int, int, int]:
        """The tokens in the order of the types."""
        return self.input, self.cached_input, self.output, self.reasoning


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
    return disjoint(
        _count(usage.get(names[0])),
        _count(usage.get(names[1])),
        _count(usage.get("total_tokens")),
        _detail(usage.get(names[2]), "cached_tokens"),
        _detail(usage.get(names[3]), "reasoning_tokens"),
    )


def disjoint(prompt: int, completion: int, total: int, cached: int, reasoning: int) -> Usage | None:
    """Makes disjoint counts of an upstream's overlapping ones; None when one of the first three is garbage.

    `prompt` includes `cached`; `completion` includes `reasoning`, unless `total` says that it comes on top.
    """
    if not (0 <= prompt <= MAX_TOKENS and 0 <= completion <= MAX_TOKENS and 0 <= total <= MAX_TOKENS):
        return None
    # A part is never more than its whole.
    if not 0 <= cached <= prompt:
        cached = prompt if cached > 0 else 0
    excess = total - prompt - completion
    if excess > 0:
        return Usage(prompt - cached, cached, completion, excess)
    if not 0 <= reasoning <= completion:
        reasoning = completion if reasoning > 0 else 0
    return Usage(prompt - cached, cached, completion - reasoning, reasoning)


_CHAT: Final = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_RESPONSES: Final = ("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")


def cost_usd(usage: Usage, price: Price) -> float:
    """What the upstream charges for one answer, in USD; reasoning is charged as output."""
    return (
        usage.input * price.input
        + usage.cached_input * price.cached_input
        + (usage.output + usage.reasoning) * price.output
        + price.request
    )


def _count(value: Any) -> int:
    """A token count; left out or null means none, anything but a count is garbage: -1."""
    if value is None:
        return 0
    return value if type(value) is int else -1


def _detail(details: Any, name: str) -> int:
    """The part of a count that details tell of; 0 when they do not."""
    return _count(details.get(name)) if type(details) is dict else 0
