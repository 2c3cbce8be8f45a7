"""From a request's bytes to one parsed body, from which it is routed and forwarded alike.

orjson refuses what JSON does not allow (NaN, lone surrogates, byte-order marks, other encodings) and nests to
1,024 levels. It reads integers beyond 64 bits as floats, so bodies with such a run of digits are read once
more by the standard library, which keeps them exact.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from gateway.data.errors import InvalidRequest, UnsupportedMedia

BANNED = frozenset(
    ("api_key", "api_base", "base_url", "extra_headers", "extra_body", "user_config", "litellm_params")
)
"""Fields by which a client could redirect a call or bring its own credential."""
ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
_DIGITS = bytes(ord("0") if chr(byte).isdigit() else ord(" ") for byte in range(128)) + b" " * 128
_LONG = b"0" * 19
_SAMPLED = b"0" * 2
"""A run of 19 digits leaves at least two in a row in every ninth byte."""


def parse_json(body: bytes, headers: dict[bytes, bytes]) -> dict[str, Any]:
    """The body as a JSON object. Raises UnsupportedMedia, InvalidRequest."""
    media = headers.get(b"content-type")
    if media != b"application/json" and media is not None:
        if media.partition(b";")[0].strip().lower() != b"application/json":
            raise UnsupportedMedia
    if b"content-encoding" in headers and headers[b"content-encoding"] != b"identity":
        raise UnsupportedMedia
    try:
        parsed = orjson.loads(body)
        if _SAMPLED in body[::9].translate(_DIGITS) and _LONG in body.translate(_DIGITS):
            parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body is not valid JSON.") from None
    if type(parsed) is not dict:
        raise InvalidRequest("The request body must be a JSON object.")
    return parsed


def dump_json(body: dict[str, Any]) -> bytes:
    """The inverse; falls back to the standard library for integers that orjson cannot write."""
    try:
        return orjson.dumps(body)
    except TypeError:
        try:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        except RecursionError:
            raise InvalidRequest("The request body is nested too deeply.") from None


def check_chat(body: dict[str, Any]) -> None:
    """Refuses what no upstream could serve, naming the parameter. Raises InvalidRequest.

    Shallow on purpose: the rest is judged better by the upstream, whose own 400 passes through.
    """
    if not BANNED.isdisjoint(body):
        name = min(BANNED.intersection(body))
        raise InvalidRequest(f"'{name}' cannot be set by a request.", param=name)
    _check_messages(body.get("messages"))
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        raise InvalidRequest("'stream' must be a boolean.", param="stream")
    for name, value in body.items():
        if name in _CHECKED and value is not None:
            _check_field(name, value, stream)


_INTEGERS = {"n": (1, 128), "max_tokens": (1, 2**31), "max_completion_tokens": (1, 2**31)}
_CHECKED = frozenset((*_INTEGERS, "stream_options", "metadata"))


def _check_field(name: str, value: Any, stream: Any) -> None:
    if name in _INTEGERS:
        low, high = _INTEGERS[name]
        if type(value) is bool or not isinstance(value, int | float) or not low <= value <= high or value % 1:
            raise InvalidRequest(f"'{name}' must be an integer from {low} to {high}.", param=name)
    elif type(value) is not dict:
        raise InvalidRequest(f"'{name}' must be an object.", param=name)
    elif name == "stream_options" and not stream:
        raise InvalidRequest("'stream_options' goes with 'stream': true only.", param=name)


def model_of(body: dict[str, Any]) -> str:
    """The model that the client asks for. Raises InvalidRequest."""
    model = body.get("model")
    if type(model) is not str or not model:
        raise InvalidRequest("'model' must be the name of a model.", param="model")
    return model


def _check_messages(messages: Any) -> None:
    if type(messages) is not list or not messages:
        raise InvalidRequest("'messages' must be a list with at least one message.", param="messages")
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise InvalidRequest("A message must be an object.", param=f"messages[{index}]")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            raise InvalidRequest(
                f"A message's role must be one of {', '.join(sorted(ROLES))}.",
                param=f"messages[{index}].role",
            )
