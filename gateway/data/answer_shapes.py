"""The shapes in which whole answers are read; what is not in them stays bytes."""

from __future__ import annotations

from typing import Any

import msgspec


class PromptDetails(msgspec.Struct, gc=False):
    """Of the prompt's tokens."""

    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct, gc=False):
    """Of the answer's tokens."""

    reasoning_tokens: int | None = None


class Counts(msgspec.Struct, gc=False):
    """Usage as nearly all upstreams tell it."""

    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Common(msgspec.Struct, gc=False):
    """The common shape of an answer."""

    usage: Counts | None = None
    error: Any = None


class Anything(msgspec.Struct, gc=False):
    """Any other, and the response that ends a stream."""

    usage: Any = None
    error: Any = None


class Response(msgspec.Struct, gc=False):
    """An answer of the Responses API."""

    id: Any = None
    usage: Any = None
    error: Any = None
    status: Any = None


read_common = msgspec.json.Decoder(Common).decode
read_any = msgspec.json.Decoder(Anything).decode
read_as_response = msgspec.json.Decoder(Response).decode
"""All raise msgspec.DecodeError or UnicodeDecodeError for what is not a JSON object of that shape."""
