"""What the other endpoints call the fields that an operator configures once, in the words of chat.

A variant's `parameters`, `override`, `drop` and `rename` hold for every endpoint that it serves. What an
endpoint has under another name is written there; what it is known not to have is left out, because OpenAI
refuses the whole request otherwise. A field that is not listed goes as it is written: the upstream may be
anybody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str, ...]
"""Where a field is in the body, from the top; empty: the endpoint has nothing like it."""

_GENERATION = (
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "modalities", "n", "parallel_tool_calls", "prediction",
    "presence_penalty", "reasoning_effort", "response_format", "seed", "service_tier", "stop", "store",
    "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "verbosity", "web_search_options",
)  # fmt: skip
_CHAT_ONLY = (
    "audio", "function_call", "functions", "logprobs", "modalities", "parallel_tool_calls", "prediction",
    "reasoning_effort", "response_format", "service_tier", "store", "tool_choice", "tools", "top_logprobs",
    "verbosity", "web_search_options",
)  # fmt: skip
_NOT_IN_RESPONSES = (
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs", "modalities", "n",
    "prediction", "presence_penalty", "seed", "stop", "web_search_options",
)  # fmt: skip

WORDING: Mapping[str, Mapping[str, Path]] = {
    "completions": {**dict.fromkeys(_CHAT_ONLY, ()), "max_completion_tokens": ("max_tokens",)},
    "embeddings": dict.fromkeys(_GENERATION, ()),
    "responses": {
        **dict.fromkeys(_NOT_IN_RESPONSES, ()),
        "max_tokens": ("max_output_tokens",),
        "max_completion_tokens": ("max_output_tokens",),
        "reasoning_effort": ("reasoning", "effort"),
        "verbosity": ("text", "verbosity"),
        "response_format": ("text", "format"),
    },
}
"""By endpoint: where a field of chat is."""


def path_of(name: str, endpoint: str) -> Path:
    """Where an operator's field is on an endpoint that is not chat."""
    return WORDING[endpoint].get(name, (name,))


def pop(body: dict[str, Any], path: Path) -> None:
    """Takes a field out of the body; what holds it is copied first, for it is the client's."""
    if len(path) < 2:
        body.pop(path[0], None) if path else None
        return
    holder = body.get(path[0])
    if type(holder) is dict and path[1] in holder:
        body[path[0]] = {name: value for name, value in holder.items() if name != path[1]}


def put(body: dict[str, Any], path: Path, value: Any, *, over: bool) -> None:
    """Sets a field, which the client may have set unless `over`."""
    if not path:
        return
    if len(path) == 1:
        if over or path[0] not in body:
            body[path[0]] = value
        return
    outer, inner = path
    holder = body.get(outer)
    holder = holder if type(holder) is dict else {}
    if over or inner not in holder:
        body[outer] = {**holder, inner: _format(value) if path == ("text", "format") else value}


def _format(value: Any) -> Any:
    """A `response_format` as the Responses API writes it: the schema's fields stand beside the type."""
    schema = value.get("json_schema") if type(value) is dict else None
    return {"type": "json_schema", **schema} if type(schema) is dict else value
