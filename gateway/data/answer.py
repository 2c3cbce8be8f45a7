"""What is read of an upstream's whole answer: whether it is one, and its usage. The rest stays bytes.

The types below are the common shape and read in one step; whatever else an upstream sends as usage is judged
by `routing.cost.usage_of`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from routing.cost import Usage, disjoint, usage_of


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Common(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    error: Any = None


class _Any(msgspec.Struct, gc=False):
    usage: Any = None
    error: Any = None


class Whole(msgspec.Struct, gc=False):
    """An answer's usage in tokens, if it tells, and its `error`, if it is one in disguise."""

    tokens: Usage | None
    error: Any


_read_common = msgspec.json.Decoder(_Common).decode
_read_any = msgspec.json.Decoder(_Any).decode


def read_whole(body: bytes) -> Whole:
    """Reads a JSON object. Raises msgspec.DecodeError or UnicodeDecodeError for what is not one."""
    try:
        common = _read_common(body)
    except msgspec.ValidationError:
        answer = _read_any(body)
        return Whole(usage_of(answer.usage), answer.error)
    usage = common.usage
    if usage is None:
        return Whole(None, common.error)
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    tokens = disjoint(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        (prompt.cached_tokens or 0) if prompt is not None else 0,
        (completion.reasoning_tokens or 0) if completion is not None else 0,
    )
    return Whole(tokens, common.error)
