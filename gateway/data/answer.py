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


class _Response(msgspec.Struct, gc=False):
    id: Any = None
    usage: Any = None
    error: Any = None
    status: Any = None


class Whole(msgspec.Struct, gc=False):
    """An answer's usage in tokens, if it tells, and its `error`, if it is one in disguise.

    `refused`: the error is the request's own fault. `id` is that of a response which can be followed.
    """

    tokens: Usage | None
    error: Any
    refused: bool = False
    id: str = ""


_read_common = msgspec.json.Decoder(_Common).decode
_read_any = msgspec.json.Decoder(_Any).decode
_read_response = msgspec.json.Decoder(_Response).decode


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


def read_response(body: bytes) -> Whole:
    """Reads a whole answer of the Responses API, which may tell in a 200 that it failed. Raises the same."""
    answer = _read_response(body)
    error = answer.error or (FAILED if answer.status == FAILED else None)
    id = answer.id if type(answer.id) is str else ""
    return Whole(usage_of(answer.usage), error, bool(error) and not broke_down(error), id)


def broke_down(error: Any) -> bool:
    """Whether a response failed by its upstream's fault, so that another attempt makes sense."""
    code = error.get("code") if type(error) is dict else None
    return code is None or code in BREAKDOWNS


FAILED = "failed"
BREAKDOWNS = frozenset(("server_error", "rate_limit_exceeded", "vector_store_timeout"))
"""Codes of a failed response; all others find fault with the request: its prompt, its images."""


def first_event(event: dict[str, Any]) -> Whole:
    """What the first event of a stream says."""
    return Whole(None, event.get("error"))


def first_response(event: dict[str, Any]) -> Whole:
    """The same of the Responses API, where it tells the id, or that the response failed."""
    response = event.get("response")
    if event.get("type") == "error" or type(response) is not dict:
        return Whole(None, event.get("type") == "error" or event.get("error"))
    error = (response.get("error") or FAILED) if event.get("type") == "response.failed" else None
    id = response.get("id")
    return Whole(None, error, bool(error) and not broke_down(error), id if type(id) is str else "")


def read_counted(body: bytes) -> Whole:
    """Reads an answer that costs no tokens: how many there would be. Raises the same."""
    return Whole(Usage(0), _read_any(body).error)
