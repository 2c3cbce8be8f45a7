"""What is read of an upstream's whole answer: whether it is one, and its usage. The rest stays bytes.

The common shape is read in one step; whatever else an upstream sends as usage is judged by
`routing.cost.usage_of`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.data.answer_shapes import read_any, read_as_response, read_common
from routing.cost import Usage, disjoint, usage_of


class Whole:
    """An answer's usage in tokens, if it tells, and its `error`, if it is one in disguise.

    `refused`: the error is the request's own fault. `id` is that of a response which can be followed.
    """

    def __init__(self, tokens: Usage | None, error: Any, refused: bool = False, id: str = "") -> None:
        self.tokens = tokens
        self.error = error
        self.refused = refused
        self.id = id


def read_whole(body: bytes) -> Whole:
    """Reads a JSON object. Raises msgspec.DecodeError or UnicodeDecodeError for what is not one."""
    try:
        common = read_common(body)
    except msgspec.ValidationError:
        answer = read_any(body)
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
    answer = read_as_response(body)
    error = answer.error or (FAILED if answer.status == FAILED else None)
    id = answer.id if type(answer.id) is str else ""
    return Whole(usage_of(answer.usage), error, bool(error) and not broke_down(error), id)


def broke_down(error: Any) -> bool:
    """Whether a response failed by its upstream's fault, so that another attempt makes sense."""
    code = error.get("code") if type(error) is dict else None
    return code is None or code in BREAKDOWNS


FAILED: Final = "failed"
BREAKDOWNS: Final = frozenset(("server_error", "rate_limit_exceeded", "vector_store_timeout"))
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
    return Whole(Usage(0), read_any(body).error)
